import assert from "node:assert/strict";
import { test } from "node:test";

import { colourTable, layOver } from "../../niche_sim/dashboard/front/colours.js";

const channels = (colour) => [0, 8, 16, 24].map((shift) => (colour >>> shift) & 255);

test("a table runs from the first stop over those between to the last, fully covering", () => {
  const table = colourTable(["#000000", "#ff8000", "#ffffff"]);
  assert.deepEqual(channels(table[0]), [0, 0, 0, 255]);
  assert.deepEqual(channels(table[255]), [255, 255, 255, 255]);
  assert.deepEqual(channels(table[128]), [255, 128, 1, 255]);
});

test("half-covering pixels are laid over nothing, over a full one, and over each other", () => {
  const red = 0x800000ff;
  assert.equal(layOver(0, red) >>> 0, red);
  assert.deepEqual(channels(layOver(0xffff0000, red)), [128, 0, 127, 255]);
  const [r, , b, alpha] = channels(layOver(0x80ff0000, red));
  assert.ok(alpha > 128 && alpha < 255 && r > b, "the upper one shows more");
});
