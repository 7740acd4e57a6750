// What is shown: every field with its colours, numbers and unit, every kind of cell with its symbol and number.

import { colourBar, colourTable, paintBar } from "./colours.js";
import { make, makeButton } from "./dom.js";
import { formatNumber } from "./formatting.js";
import { glyphStore } from "./glyphs.js";

// layers: {fields: Map name -> {on, opacity}, kinds: [on], anatomy, colonies}, changed in place.
const SCALES = [
  ["fixed", "Scale: fixed"],
  ["seen", "Scale: largest so far"],
  ["moment", "Scale: 99 % of sites now"],
  ["held", "Scale: locked as it is"],
];
// actions: changed() after any change; fields(names) when other fields are wanted; brief: only what is shown or there, until all is asked for; scale(mode), where colour scales can
// be chosen; plane(depth_um), where there is a block to move through.
export function buildLayers(el, layers, actions) {
  const root = make("details", "ns-layers");
  root.open = !window.matchMedia("(max-width: 700px)").matches;
  const summary = make("summary", "", "Layers");
  root.append(summary);
  el.append(root);
  root.classList.toggle("ns-brief", Boolean(actions.brief));
  const whole = makeButton("ns-tool", "", () => {
    root.classList.toggle("ns-brief");
    nameWhole();
  });
  const nameWhole = () =>
    (whole.textContent = root.classList.contains("ns-brief") ? "All fields and cells" : "Only what is there");
  nameWhole();
  const scale = document.createElement("select");
  scale.className = "ns-tool ns-scale";
  scale.setAttribute("aria-label", "Colour scale");
  for (const [mode, text] of SCALES) scale.add(new Option(text, mode));
  scale.title = "Fixed: the same colour means the same amount at every hour and in every run.";
  scale.addEventListener("change", () => actions.scale(scale.value));
  const glyph = glyphStore();
  let fields = new Map(); // name -> parts of its row
  let cells = []; // by number of the kind: its row and its count
  let counted = null; // whose cells are counted, where there are two runs
  let section = null;
  let dark = false;

  const tick = (text, on, act) => {
    const label = make("label", "ns-tick");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = on;
    box.addEventListener("change", () => act(box.checked));
    const name = make("span", "ns-name", text);
    label.append(box, name);
    return { label, box, name };
  };
  const group = (title) => {
    const made = make("fieldset", "ns-group");
    made.append(make("legend", "", title));
    return made;
  };
  // Which plane of a block is shown: a slider that goes from one to the next.
  const planes = () => {
    const slider = document.createElement("input");
    slider.type = "range";
    slider.min = section.spacing_um / 2;
    slider.max = section.depth_um - section.spacing_um / 2;
    slider.step = section.spacing_um;
    slider.value = section.plane_um;
    slider.setAttribute("aria-label", "Plane of the block");
    const text = make("span", "");
    const tell = () => {
      text.textContent = `Plane ${slider.value} of ${section.depth_um} µm`;
      slider.setAttribute("aria-valuetext", text.textContent);
    };
    slider.addEventListener("input", () => {
      tell();
      actions.plane(Number(slider.value));
    });
    tell();
    const line = make("label", "ns-opacity ns-planes");
    line.append(text, slider);
    return line;
  };
  const shownFields = () => [...layers.fields].filter(([, layer]) => layer.on).map(([name]) => name);

  function fieldRow(look) {
    const layer = layers.fields.get(look.name);
    const row = make("div", `ns-field-row${layer.on ? " ns-on" : ""}`);
    const { label } = tick(look.label, layer.on, (on) => {
      layer.on = on;
      more.hidden = !on;
      row.classList.toggle("ns-on", on);
      actions.fields(shownFields());
      actions.changed();
    });
    const more = make("div", "ns-more");
    more.hidden = !layer.on;
    const bar = colourBar();
    const ends = make("div", "ns-ends");
    const low = make("span", "");
    const unit = make("span", "ns-unit", look.unit);
    const high = make("span", "");
    ends.append(low, unit, high);
    const slider = document.createElement("input");
    slider.type = "range";
    slider.min = 0;
    slider.max = 100;
    slider.step = 5;
    slider.value = Math.round(100 * layer.opacity);
    slider.setAttribute("aria-label", `Opacity of ${look.label}`);
    slider.addEventListener("input", () => {
      layer.opacity = slider.value / 100;
      actions.changed();
    });
    const line = make("div", "ns-opacity");
    line.append(make("span", "", "Opacity"), slider);
    more.append(bar, ends, line);
    row.append(label, more);
    fields.set(look.name, { bar, low, high, look });
    return row;
  }

  function cellRow(kind, number) {
    const { label, box, name } = tick("", layers.kinds[number], (on) => {
      layers.kinds[number] = on;
      actions.changed();
    });
    const symbol = make("span", "ns-symbol");
    symbol.setAttribute("aria-hidden", "true");
    name.textContent = kind.label;
    label.title = kind.description;
    const count = make("span", "ns-count");
    label.insertBefore(symbol, name);
    label.append(count);
    cells[number] = { label, box, symbol, count, text: "" };
    return label;
  }

  function paint() {
    if (!section) return;
    const ratio = window.devicePixelRatio || 1;
    for (const { bar, look } of fields.values()) paintBar(bar, colourTable(dark ? look.dark : look.light));
    section.kinds.forEach((kind, number) => {
      if (!cells[number]) return;
      const drawn = glyph(kind, ratio * ("*PX".includes(kind.marker) ? 14 : 11));
      const copy = document.createElement("canvas");
      copy.width = drawn.width;
      copy.height = drawn.height;
      copy.style.width = `${drawn.width / ratio}px`;
      copy.getContext("2d").drawImage(drawn, 0, 0);
      cells[number].symbol.replaceChildren(copy);
    });
  }

  return {
    setStatic(given) {
      section = given;
      fields = new Map();
      cells = [];
      const ofFields = group("Fields");
      const missing = section.fields.filter((look) => !look.offered && layers.fields.get(look.name).on);
      for (const look of missing) layers.fields.get(look.name).on = false;
      if (missing.length) actions.fields(shownFields());
      ofFields.append(...section.fields.filter((look) => look.offered).map(fieldRow));
      if (actions.scale) ofFields.append(scale);
      const ofCells = group("Cells");
      const all = make("div", "ns-tools");
      for (const [text, on] of [
        ["Show all", true],
        ["Hide all", false],
      ]) {
        const button = makeButton("ns-tool", text, () => {
          layers.kinds.fill(on);
          for (const row of cells) if (row) row.box.checked = on;
          actions.changed();
        });
        button.setAttribute("aria-label", `${text} cells`);
        all.append(button);
      }
      counted = make("p", "ns-counted");
      counted.hidden = true;
      ofCells.append(all, counted);
      const byGroup = new Map();
      section.kinds.forEach((kind, number) => {
        if (!kind.resident) return;
        if (!byGroup.has(kind.group)) {
          const part = make("div", "ns-population");
          part.setAttribute("role", "group");
          part.setAttribute("aria-label", kind.group);
          byGroup.set(kind.group, part);
          ofCells.append(part);
        }
        byGroup.get(kind.group).append(cellRow(kind, number));
      });
      const ofPlaces = group("Section");
      if (section.depth_um && actions.plane) ofPlaces.append(planes());
      const vessels = section.liver ? "Lobules, portal triads, central veins" : "Vessels";
      ofPlaces.append(
        tick(vessels, layers.anatomy, (on) => {
          layers.anatomy = on;
          actions.changed();
        }).label,
        tick("Rings around colonies", layers.colonies, (on) => {
          layers.colonies = on;
          actions.changed();
        }).label,
      );
      root.replaceChildren(summary, ...(actions.brief ? [whole] : []), ofFields, ofCells, ofPlaces);
      paint();
    },
    // Numbers of cells and the ends of the colour scales, of all panels of runs.
    setFrame(panels) {
      const runs = panels.filter((panel) => panel.cells);
      const whose = runs.length > 1 ? `Number of cells: ${runs.map((panel) => panel.title).join(" | ")}` : "";
      if (counted.textContent !== whose) counted.textContent = whose;
      counted.hidden = !whose;
      root.classList.toggle("ns-several", runs.length > 1);
      cells.forEach((row, number) => {
        const now = runs.map((panel) => panel.counts[number]).join(" ");
        if (row.text === now) return;
        row.text = now;
        row.label.classList.toggle(
          "ns-none",
          runs.every((panel) => !panel.counts[number]),
        );
        row.count.textContent = runs.map((panel) => panel.counts[number].toLocaleString("en")).join(" | ");
      });
      for (const field of runs.length ? runs[0].fields : []) {
        const row = fields.get(field.name);
        if (!row) continue; // a picture that was under way when another organ was opened
        const span = field.high - field.low;
        const [low, high] = [
          formatNumber(field.low, span),
          `${field.above ? "≥ " : ""}${formatNumber(field.high, span)}`,
        ];
        if (row.low.textContent !== low) row.low.textContent = low;
        if (row.high.textContent !== high) row.high.textContent = high;
      }
    },
    setDark(on) {
      dark = on;
      paint();
    },
  };
}

// table: the colours; field: of the map; unit: of what differs
export function drawKey(key, table, field, unit) {
  const bar = colourBar();
  paintBar(bar, table);
  const ends = make("div", "ns-ends");
  for (const text of [
    `${formatNumber(field.low, field.high)} (less)`,
    unit,
    `(more) +${formatNumber(field.high, field.high)}`,
  ]) {
    ends.append(make("span", "", text));
  }
  key.replaceChildren(bar, ends);
}
