// The story of a cell or a site, beside the picture: a heading, sentences, and tables of what it carries.

import { freshId, make, makeButton } from "./dom.js";

// onClose: called when the reader closes it. Returns {show(card), close(), destroy()}.
export function buildInspector(el, onClose) {
  const box = make("section", "ns-card");
  box.setAttribute("role", "dialog");
  box.setAttribute("aria-modal", "false");
  box.hidden = true;
  const title = document.createElement("h3");
  title.id = freshId("ns-card");
  title.tabIndex = -1;
  box.setAttribute("aria-labelledby", title.id);
  const shut = makeButton("ns-tool", "Close", () => close());
  const head = make("div", "ns-card-head");
  head.append(title, shut);
  const body = document.createElement("div");
  box.append(head, body);
  el.append(box);

  const close = () => {
    if (box.hidden) return;
    box.hidden = true;
    onClose();
  };
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
    }
  });

  return {
    // card: {title, sentences, sections: [{heading, rows: [{label, value, unit, meaning}]}]}
    show(card) {
      title.textContent = card.title;
      body.replaceChildren();
      for (const sentence of card.sentences) {
        body.append(make("p", "", sentence));
      }
      card.sections.forEach((section, place) => {
        const part = document.createElement("details");
        part.open = place === 0 && card.sections.length === 1;
        const heading = make("summary", "", section.heading);
        const table = document.createElement("table");
        for (const row of section.rows) {
          const line = table.insertRow();
          const name = document.createElement("th");
          name.scope = "row";
          name.textContent = row.label;
          name.title = row.meaning;
          line.append(name);
          line.insertCell().textContent = row.unit ? `${row.value} ${row.unit}` : row.value;
        }
        part.append(heading, table);
        body.append(part);
      });
      box.hidden = false;
      title.focus({ preventScroll: true });
      box.scrollIntoView({ block: "nearest" });
    },
    close,
    get open() {
      return !box.hidden;
    },
  };
}
