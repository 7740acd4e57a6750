import assert from "node:assert/strict";
import { test } from "node:test";

import {
  formatClock,
  formatHours,
  formatNumber,
  formatReadout,
  scaleBar,
} from "../../niche_sim/dashboard/front/formatting.js";

for (const [value, span, text] of [
  [3, 5, "3"],
  [2.345, 5, "2.35"],
  [2.5, 100, "3"],
  [0.01234, 0.1, "0.012"],
  [-5, 5, "−5"],
  [1.2e-7, 1e-6, "0"],
  [4, 0, "4"],
]) {
  test(`${value} on a scale ${span} wide is written ${text}`, () => assert.equal(formatNumber(value, span), text));
}

for (const [hours, text] of [
  [0, "Day 0, 00:00"],
  [25.5, "Day 1, 01:30"],
  [47.999999999999, "Day 2, 00:00"],
  [30 * 24 + 9, "Day 30, 09:00"],
]) {
  test(`${hours} h is ${text}`, () => assert.equal(formatClock(hours), text));
}

test("lengths of time are hours, or days where they are whole ones", () => {
  assert.deepEqual([6, 24, 48, 36].map(formatHours), ["6 h", "1 day", "2 days", "36 h"]);
});

test("readouts have separators, four digits, or are none", () => {
  assert.deepEqual([null, 1234567, 0, 0.123456, 98765.4321].map(formatReadout), [
    "none",
    "1,234,567",
    "0",
    "0.1235",
    "98770",
  ]);
});

test("the scale bar is the longest round length within a fifth of the panel", () => {
  assert.deepEqual(scaleBar(0.5, 1000), { length: 200, text: "200 µm" });
  assert.deepEqual(scaleBar(0.1, 1000), { length: 2000, text: "2 mm" });
  assert.deepEqual(scaleBar(0.199, 1000), { length: 1000, text: "1 mm" });
  assert.deepEqual(scaleBar(6, 300), { length: 10, text: "10 µm" });
  assert.deepEqual(scaleBar(100, 300), { length: 5, text: "5 µm" }, "never none");
});
