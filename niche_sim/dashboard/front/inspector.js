// The story of a cell or a site, beside the picture: a heading, sentences, and tables of what it carries.

// onClose: called when the reader closes it. Returns {show(card), close(), destroy()}.
function buildCard(el, onClose) {
  const box = document.createElement("section");
  box.className = "ns-card";
  box.setAttribute("role", "dialog");
  box.setAttribute("aria-modal", "false");
  box.hidden = true;
  const number = (window.nicheSimIds = (window.nicheSimIds || 0) + 1);
  const title = document.createElement("h3");
  title.id = `ns-card-${number}`;
  title.tabIndex = -1;
  box.setAttribute("aria-labelledby", title.id);
  const shut = document.createElement("button");
  shut.type = "button";
  shut.className = "ns-tool";
  shut.textContent = "Close";
  const head = document.createElement("div");
  head.className = "ns-card-head";
  head.append(title, shut);
  const body = document.createElement("div");
  box.append(head, body);
  el.append(box);

  const close = () => {
    if (box.hidden) return;
    box.hidden = true;
    onClose();
  };
  shut.addEventListener("click", close);
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
        const line = document.createElement("p");
        line.textContent = sentence;
        body.append(line);
      }
      card.sections.forEach((section, place) => {
        const part = document.createElement("details");
        part.open = place === 0 && card.sections.length === 1;
        const heading = document.createElement("summary");
        heading.textContent = section.heading;
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
