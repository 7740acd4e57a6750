import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateRawSync } from "node:zlib";

import {
  bytesOf,
  inflate,
  momentBuffers,
  patchBuffers,
  selectFields,
  unpackFrame,
} from "../../niche_sim/dashboard/front/frames.js";

// The same bytes as a view that begins at an odd place, as they come from a socket.
function atOddPlace(bytes) {
  const room = new Uint8Array(bytes.length + 1);
  room.set(bytes, 1);
  return new DataView(room.buffer, 1);
}

const little = (numbers, size) => {
  const view = new DataView(new ArrayBuffer(size * numbers.length));
  for (const [i, number] of numbers.entries())
    size === 2 ? view.setUint16(2 * i, number, true) : view.setUint32(4 * i, number, true);
  return new Uint8Array(view.buffer);
};

const PANEL = { fields: [{ name: "oxygen", shape: [1, 3], low: 0, high: 1 }], counts: [2, 0, 1], colonies: [] };
const BUFFERS = [Uint8Array.of(0, 128, 255), little([1, 2, 65535], 2), little([7, 8, 9], 2), little([70_000, 1, 2], 4)];

for (const [how, wrap] of [
  ["in buffers of their own", (bytes) => bytes.buffer],
  ["at odd places", atOddPlace],
]) {
  test(`a frame is unpacked from bytes ${how}`, () => {
    const [panel] = unpackFrame({ panels: [PANEL] }, BUFFERS.map(wrap));
    assert.deepEqual([...panel.fields[0].values], [0, 128, 255]);
    assert.equal(panel.fields[0].name, "oxygen");
    assert.deepEqual([...panel.cells.x], [1, 2, 65535]);
    assert.deepEqual([...panel.cells.y], [7, 8, 9]);
    assert.deepEqual([...panel.cells.id], [70_000, 1, 2]);
    assert.deepEqual(panel.starts, [0, 2, 2, 3]);
  });
}

test("a map of differences has no cells, and the buffers of the next panel follow it", () => {
  const map = { ...PANEL, counts: [] };
  const [first, second] = unpackFrame({ panels: [map, PANEL] }, [Uint8Array.of(1, 2, 3), ...BUFFERS]);
  assert.equal(first.cells, null);
  assert.deepEqual([...first.fields[0].values], [1, 2, 3]);
  assert.deepEqual([...second.cells.id], [70_000, 1, 2]);
});

test("buffers are made of copies from the last frame and of new bytes between them", () => {
  const last = [Uint8Array.of(1, 2, 3, 4), Uint8Array.of(5, 6)];
  const same = {
    sizes: [5, 2],
    copies: [
      [0, 1, 2, 2],
      [1, 0, 0, 2],
    ],
  };
  const [first, second] = patchBuffers(last, same, atOddPlace(Uint8Array.of(10, 11, 12)));
  assert.deepEqual([...first], [10, 3, 4, 11, 12]);
  assert.deepEqual([...second], [5, 6]);
});

test("bytes of a view are those that it shows, not those of its buffer", () => {
  assert.deepEqual([...bytesOf(new Uint8Array([1, 2, 3, 4]).subarray(1, 3))], [2, 3]);
});

test("a moment of a replay is inflated, and its fields are summed up along their rows", async () => {
  const panels = [
    { fields: [{ shape: [2, 3] }], counts: [1, 0] },
    { fields: [{ shape: [1, 1] }], counts: [] },
  ];
  const packed = deflateRawSync(Uint8Array.of(5, 1, 255, 250, 10, 0, ...[1, 2], ...[3, 4], ...[5, 6, 7, 8], 9));
  const [run, map] = momentBuffers(panels, await inflate(packed.toString("base64")));
  assert.deepEqual([...run.fields[0]], [5, 6, 5, 250, 4, 4]);
  assert.deepEqual(
    run.cells.map((part) => [...part]),
    [
      [1, 2],
      [3, 4],
      [5, 6, 7, 8],
    ],
  );
  assert.deepEqual([...map.fields[0]], [9]);
  assert.deepEqual(map.cells, []);
});

test("a moment with more bytes than its header says is an error", () => {
  assert.throws(() => momentBuffers([{ fields: [], counts: [] }], Uint8Array.of(1)), /has 1 bytes, and 0 are told of/);
});

test("of a moment only the wanted fields are shown, and of a map of differences only the first of them", () => {
  const fields = [{ name: "oxygen" }, { name: "fibronectin" }];
  const header = {
    panels: [{ fields, title: "run" }, { fields: fields.map((field) => ({ ...field, difference: true })) }],
  };
  const parts = [
    { fields: ["o", "f"], cells: ["x", "y", "id"] },
    { fields: ["do", "df"], cells: [] },
  ];
  const both = selectFields(header, parts, ["fibronectin", "oxygen"]);
  assert.deepEqual(both.buffers, ["f", "o", "x", "y", "id", "df"]);
  assert.deepEqual(
    both.panels.map((panel) => panel.fields.map(({ name }) => name)),
    [["fibronectin", "oxygen"], ["fibronectin"]],
  );
  const none = selectFields(header, parts, []);
  assert.equal(none.panels.length, 1);
  assert.deepEqual(none.buffers, ["x", "y", "id"]);
});
