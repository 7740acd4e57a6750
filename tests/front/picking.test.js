import assert from "node:assert/strict";
import { test } from "node:test";

import {
  describePlace,
  nearestCell,
  placeOfCell,
  siteIndex,
  siteValues,
} from "../../niche_sim/dashboard/front/picking.js";
import { allShown, byName, order, panelOf, section } from "./panel.js";

const CELLS = panelOf({
  kupffer: [
    [100, 100, 11],
    [300, 200, 12],
  ],
  tumour: [[104, 100, 11]],
});
const found = (x, y, reach, layers = allShown(), panel = CELLS) =>
  nearestCell(section, panel, layers, order, x, y, reach);

test("the nearest cell within reach is found, with its place and its number", () => {
  const cell = found(303, 200, 5);
  assert.equal(cell.kind, 0);
  assert.equal(cell.id, 12);
  assert.ok(Math.abs(cell.x - 300) < 0.01 && Math.abs(cell.y - 200) < 0.01);
  assert.equal(found(106, 100, 10).kind, 1);
  assert.equal(found(99, 100, 10).kind, 0);
});

test("beyond the reach there is no cell", () => {
  assert.equal(found(320, 200, 8), null);
});

test("of two cells at one place the one drawn on top is found", () => {
  const panel = panelOf({ kupffer: [[50, 50, 1]], tumour: [[50, 50, 2]] });
  assert.equal(found(50, 50, 5, allShown(), panel).id, 2);
});

test("a cell that is not shown is not found", () => {
  assert.equal(found(104, 100, 2, { kinds: [true, false] }), null);
  assert.equal(placeOfCell(section, CELLS, { kinds: [true, false] }, "tumour_cells", 11), null);
});

test("a map of differences has no cells to find", () => {
  assert.equal(found(100, 100, 50, allShown(), { ...CELLS, cells: null }), null);
  assert.equal(placeOfCell(section, { ...CELLS, cells: null }, allShown(), "kupffer_cells", 11), null);
});

test("a cell is found again by its population and number, which two populations may share", () => {
  const cell = placeOfCell(section, CELLS, allShown(), "tumour_cells", 11);
  assert.equal(cell.kind, 1);
  assert.ok(Math.abs(cell.x - 104) < 0.01);
  assert.equal(placeOfCell(section, CELLS, allShown(), "tumour_cells", 12), null);
});

test("places belong to sites row by row, and those on an edge to the last site", () => {
  assert.equal(siteIndex(section, [3, 6], 0, 0), 0);
  assert.equal(siteIndex(section, [3, 6], 250, 150), 8);
  assert.equal(siteIndex(section, [3, 6], 600, 300), 17);
  assert.equal(siteIndex(section, [3, 6], -1, -1), 0);
});

test("a site tells the values of its fields on their scales", () => {
  const values = new Uint8Array(18);
  values[8] = 255;
  const panel = panelOf({ values });
  assert.deepEqual(siteValues(section, panel, byName, 250, 150), [["Fibronectin", "6", "× naive organ"]]);
  assert.deepEqual(siteValues(section, panel, byName, 10, 10), [["Fibronectin", "1", "× naive organ"]]);
});

test("a difference has its sign, and the middle of the scale is none", () => {
  const values = new Uint8Array(18).fill(128);
  values[0] = 255;
  values[1] = 0;
  const panel = panelOf({ values, field: { difference: true, low: -5, high: 5 } });
  const at = (x) => siteValues(section, panel, byName, x, 10)[0].slice(0, 2);
  assert.deepEqual(at(10), ["Difference in Fibronectin", "+5"]);
  assert.deepEqual(at(110), ["Difference in Fibronectin", "−5"]);
  assert.deepEqual(at(210), ["Difference in Fibronectin", "0"]);
});

test("a cell is described by its kind, its zone and the values there, a site by its zone and values", () => {
  const values = [["Fibronectin", "6", "× naive organ"]];
  assert.deepEqual(describePlace(section, { kind: 1 }, "portal zone", values), {
    title: "Tumour cell",
    lines: ["One that has arrested.", "portal zone", "Fibronectin: 6 × naive organ"],
  });
  assert.deepEqual(describePlace(section, null, "portal zone", values), {
    title: "portal zone",
    lines: ["Fibronectin: 6 × naive organ"],
  });
});
