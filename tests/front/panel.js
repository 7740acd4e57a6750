// A section of 600 x 300 um with two kinds of cells and one field, as the dashboard's server describes it.

import { FINEST, unpackFrame } from "../../niche_sim/dashboard/front/frames.js";

export const section = {
  width_um: 600,
  height_um: 300,
  shape: [3, 6],
  zone_names: ["portal zone", "central zone"],
  kinds: [
    { label: "Kupffer cell", population: "kupffer_cells", description: "resident macrophage", layer: 0, size: 1 },
    { label: "Tumour cell", population: "tumour_cells", description: "one that has arrested", layer: 1, size: 1 },
  ],
};
export const fibronectin = { name: "fibronectin", label: "Fibronectin", unit: "× naive organ" };
export const byName = new Map([["fibronectin", fibronectin]]);
export const allShown = () => ({ kinds: [true, true] });
export const order = [0, 1];

const inParts = (length, side) => Math.round((length / side) * FINEST);
const bytes = (array) => new Uint8Array(array.buffer);

// kupffer, tumour: [[x, y, id]], um; values: bytes of the field, row by row; more: of the header.
export function panelOf({ kupffer = [], tumour = [], values = new Uint8Array(18), field = {}, ...more } = {}) {
  const cells = [...kupffer, ...tumour];
  const header = {
    title: "",
    colonies: [],
    counts: [kupffer.length, tumour.length],
    fields: [{ name: "fibronectin", low: 1, high: 6, shape: [3, 6], ...field }],
    ...more,
  };
  const buffers = [
    Uint8Array.from(values),
    bytes(Uint16Array.from(cells, ([x]) => inParts(x, section.width_um))),
    bytes(Uint16Array.from(cells, ([, y]) => inParts(y, section.height_um))),
    bytes(Uint32Array.from(cells, ([, , id]) => id)),
  ];
  return unpackFrame({ panels: [header] }, buffers)[0];
}
