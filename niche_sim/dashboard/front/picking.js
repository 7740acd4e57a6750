// What is at a place of a panel: the nearest cell, the zone, the values of the fields. Places in um.

import { formatNumber } from "./formatting.js";
import { FINEST } from "./frames.js";

// The cell of a shown kind that is nearest to a place (um) within reach (um), and of those as near the one drawn on top.
export function nearestCell(section, panel, layers, order, x, y, reach) {
  if (!panel.cells) return null;
  const perX = section.width_um / FINEST;
  const perY = section.height_um / FINEST;
  let best = null;
  let least = reach * reach;
  for (const number of order) {
    if (!layers.kinds[number]) continue;
    for (let i = panel.starts[number]; i < panel.starts[number + 1]; i++) {
      const dx = panel.cells.x[i] * perX - x;
      const dy = panel.cells.y[i] * perY - y;
      const far = dx * dx + dy * dy;
      if (far <= least) {
        least = far;
        best = { kind: number, id: panel.cells.id[i], x: panel.cells.x[i] * perX, y: panel.cells.y[i] * perY };
      }
    }
  }
  return best;
}

// Where the cell of a number and a population is in a panel, among the kinds that are shown: {kind, x, y} in um, or null.
export function placeOfCell(section, panel, layers, population, id) {
  for (let kind = 0; panel.cells && kind < section.kinds.length; kind++) {
    if (section.kinds[kind].population !== population || !layers.kinds[kind]) continue;
    const at = panel.cells.id.subarray(panel.starts[kind], panel.starts[kind + 1]).indexOf(id);
    if (at < 0) continue;
    const i = panel.starts[kind] + at;
    return {
      kind,
      x: (panel.cells.x[i] / FINEST) * section.width_um,
      y: (panel.cells.y[i] / FINEST) * section.height_um,
    };
  }
  return null;
}

// What a site holds of each field that the panel has: [label, value, unit].
export function siteValues(section, panel, byName, x, y) {
  return panel.fields.map((field) => {
    const byte = field.values[siteIndex(section, field.shape, x, y)];
    const span = field.high - field.low;
    // The middle of an even number of steps lies between two of them: no difference is told as none.
    const level = field.difference ? (byte - 128) / 127.5 : byte / 255;
    const value = field.difference ? level * field.high : field.low + level * span;
    const look = byName.get(field.name);
    const text = (field.difference && value > 0 ? "+" : "") + formatNumber(value, span);
    return [field.difference ? `Difference in ${look.label}` : look.label, text, look.unit];
  });
}

// The number of the site at a place, where rows of sites follow each other; places beyond an edge count to the site there.
export function siteIndex(section, [rows, columns], x, y) {
  const iy = Math.min(Math.max(Math.floor((y / section.height_um) * rows), 0), rows - 1);
  const ix = Math.min(Math.max(Math.floor((x / section.width_um) * columns), 0), columns - 1);
  return iy * columns + ix;
}

// A heading and lines of text for a cell, or for a site where there is none (null); values: as siteValues gives them.
export function describePlace(section, cell, zone, values) {
  const kind = cell && section.kinds[cell.kind];
  return {
    title: kind ? kind.label : zone,
    lines: [
      ...(kind ? [`${kind.description[0].toUpperCase()}${kind.description.slice(1)}.`, zone] : []),
      ...values.map(([label, value, unit]) => `${label}: ${value} ${unit}`),
    ],
  };
}
