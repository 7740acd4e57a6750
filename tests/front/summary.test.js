import assert from "node:assert/strict";
import { test } from "node:test";

import { panelSummary } from "../../niche_sim/dashboard/front/accessible_summary.js";
import { captionAt, marksOfRuns } from "../../niche_sim/dashboard/front/replay.js";
import { byName, panelOf, section } from "./panel.js";

const look = (name) => byName.get(name);

test("a panel is summed up: size, highest value of its fields, shown cells by number, colonies", () => {
  const values = new Uint8Array(18);
  values[5] = 102; // of 1 to 6: 3
  const tumour = [1, 2, 3].map((id) => [id, id, id]);
  const panel = panelOf({ title: "control", values, kupffer: [[1, 1, 1]], tumour, colonies: [[0, 0, 1, 3]] });
  assert.equal(
    panelSummary(section, panel, [true, true], look),
    "control: section of tissue, 0.6 by 0.3 mm; coloured by Fibronectin up to 3 × naive organ; " +
      "cells: 3 Tumour cell, 1 Kupffer cell; 1 colonies.",
  );
  assert.match(panelSummary(section, panel, [true, false], look), /cells: 1 Kupffer cell;/);
});

test("an empty panel is summed up without lists, and a map of differences by what differs", () => {
  const empty = panelOf();
  assert.equal(
    panelSummary(section, { ...empty, fields: [] }, [true, true], look),
    "section of tissue, 0.6 by 0.3 mm.",
  );
  const map = panelOf({ field: { difference: true }, counts: [] });
  assert.match(panelSummary(section, map, [true, true], look), /coloured by difference in Fibronectin\./);
});

test("the caption of a replay is what was last done, all of it where several things were done at once", () => {
  const captions = [
    [0, "Injection"],
    [48, "Block"],
    [48, "Licensing begins"],
  ];
  assert.equal(captionAt(captions, 0), "Day 0, 00:00: Injection");
  assert.equal(captionAt(captions, 47), "Day 0, 00:00: Injection");
  assert.equal(captionAt(captions, 48), "Day 2, 00:00: Block; Licensing begins");
  assert.equal(captionAt([[24, "Injection"]], 23), "Nothing has been done yet.");
});

test("what two runs have in common is marked once on the scrubber of a replay", () => {
  const first = { marks: [[0, "dose", "Injection"]] };
  const second = {
    marks: [
      [0, "dose", "Injection"],
      [24, "dose", "Injection"],
      [0, "block", "Block"],
    ],
  };
  assert.deepEqual(marksOfRuns([first, second]), [
    [0, "dose", "Injection"],
    [24, "dose", "Injection"],
    [0, "block", "Block"],
  ]);
});
