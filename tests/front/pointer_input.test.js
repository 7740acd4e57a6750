import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { buildCamera } from "../../niche_sim/dashboard/front/camera.js";
import { attachPointerInput } from "../../niche_sim/dashboard/front/pointer_input.js";
import { section } from "./panel.js";

let canvas, camera, calls, crossShown;

beforeEach(() => {
  canvas = Object.assign(new EventTarget(), {
    getBoundingClientRect: () => ({ left: 10, top: 20 }),
    setPointerCapture() {},
    classList: { add() {}, remove() {} },
  });
  camera = buildCamera();
  camera.fit(section, 1200, 600);
  calls = [];
  crossShown = false;
  const note =
    (name) =>
    (...given) =>
      void calls.push([name, ...given]);
  attachPointerInput(canvas, camera, {
    moved: note("moved"),
    hover: (place) => calls.push(["hover", place]),
    away: note("away"),
    pick: note("pick"),
    cross: note("cross"),
    ask: note("ask"),
    leave: () => crossShown,
  });
});

function send(type, more) {
  const event = Object.assign(new Event(type, { cancelable: true }), more);
  canvas.dispatchEvent(event);
  return event;
}

const pointer = (type, x, y, pointerId = 1) => send(`pointer${type}`, { pointerId, clientX: 10 + x, clientY: 20 + y });
const names = () => calls.map(([name]) => name);

for (const [key, scale] of [
  ["+", 3],
  ["=", 3],
  ["-", 2],
  ["_", 2],
  ["0", 2],
]) {
  test(`the key ${key} zooms to ${scale} pixels per um`, () => {
    assert.ok(send("keydown", { key }).defaultPrevented);
    if (key === "0")
      camera.fit(section, 1200, 600); // as the next picture does
    else camera.keepInside();
    assert.equal(camera.view.scale, scale);
    assert.deepEqual(names(), ["moved"]);
  });
}

test("arrows move the view, and with Shift the cross hair", () => {
  camera.zoom(2);
  const before = camera.view;
  send("keydown", { key: "ArrowRight" });
  assert.ok(camera.view.x > before.x);
  send("keydown", { key: "ArrowUp", shiftKey: true });
  assert.deepEqual(calls, [["moved"], ["cross", 0, -12], ["moved"]]);
});

test("Enter asks; Escape is left to the page unless there is a cross hair to put away", () => {
  send("keydown", { key: "Enter" });
  assert.deepEqual(names(), ["ask", "moved"]);
  assert.equal(send("keydown", { key: "Escape" }).defaultPrevented, false);
  crossShown = true;
  assert.equal(send("keydown", { key: "Escape" }).defaultPrevented, true);
});

test("other keys, and those with Ctrl, Alt or Meta, are left to the page", () => {
  for (const given of [
    { key: "Tab" },
    { key: "+", ctrlKey: true },
    { key: "0", metaKey: true },
    { key: "ArrowLeft", altKey: true },
  ]) {
    assert.equal(send("keydown", given).defaultPrevented, false);
  }
  assert.deepEqual(calls, []);
});

test("a pointer that is not down hovers, at its place on the panel", () => {
  pointer("move", 30, 40);
  assert.deepEqual(calls, [["hover", { x: 30, y: 40 }]]);
});

test("a click picks, even where the hand trembles; a drag does not", () => {
  pointer("down", 30, 40);
  pointer("move", 32, 41);
  pointer("up", 32, 41);
  assert.deepEqual(calls.at(-1), ["pick", { x: 32, y: 41 }]);
  calls.length = 0;
  camera.zoom(2);
  const before = camera.view;
  pointer("down", 30, 40);
  pointer("move", 60, 40);
  pointer("up", 60, 40);
  assert.ok(!names().includes("pick"));
  assert.equal(camera.view.x, before.x - 30 / before.scale);
});

test("a pointer that the browser takes away picks nothing", () => {
  pointer("down", 30, 40);
  pointer("cancel", 30, 40);
  assert.deepEqual(calls, []);
});

test("two fingers zoom by how far they part, and pick nothing when lifted", () => {
  pointer("down", 500, 300, 1);
  pointer("down", 700, 300, 2);
  pointer("move", 800, 300, 2);
  assert.ok(Math.abs(camera.view.scale - 3) < 1e-9);
  pointer("up", 800, 300, 2);
  pointer("up", 500, 300, 1);
  assert.ok(!names().includes("pick"));
});

test("the wheel zooms, but a whole section lets the page scroll down", () => {
  const wheel = (deltaY) => send("wheel", { deltaY, deltaMode: 0, clientX: 610, clientY: 320 });
  assert.equal(wheel(100).defaultPrevented, false);
  assert.equal(wheel(-100).defaultPrevented, true);
  assert.ok(camera.view.scale > 2);
  assert.equal(wheel(100).defaultPrevented, true);
});
