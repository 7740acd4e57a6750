import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { buildCamera } from "../../niche_sim/dashboard/front/camera.js";
import { section } from "./panel.js";

let camera;

beforeEach(() => {
  camera = buildCamera();
  camera.fit(section, 1200, 600); // two pixels per um
});

const near = (found, wanted) => {
  for (const [name, value] of Object.entries(wanted))
    assert.ok(Math.abs(found[name] - value) < 1e-9, `${name}: ${found[name]} for ${value}`);
};

test("before the section is known nothing is seen and nothing moves", () => {
  const blind = buildCamera();
  blind.zoom(2);
  assert.equal(blind.view, null);
  assert.equal(blind.zoomed, false);
});

test("the whole section is seen first", () => {
  assert.deepEqual(camera.view, { x: 300, y: 150, scale: 2 });
  assert.equal(camera.zoomed, false);
});

test("places go to the page and back", () => {
  camera.zoom(2, { x: 100, y: 500 });
  near(camera.toPage(camera.toTissue({ x: 321, y: 123 })), { x: 321, y: 123 });
  near(camera.toPage({ x: camera.view.x, y: camera.view.y }), { x: 600, y: 300 });
});

test("what is under the pointer stays there while one zooms", () => {
  const before = camera.toTissue({ x: 900, y: 150 });
  camera.zoom(1.7, { x: 900, y: 150 });
  near(camera.toTissue({ x: 900, y: 150 }), before);
  assert.equal(camera.zoomed, true);
});

test("the zoom ends at the whole section and at six pixels per um", () => {
  camera.zoom(1000);
  assert.equal(camera.view.scale, 6);
  camera.zoom(1e-6);
  assert.equal(camera.view.scale, 2);
});

test("a drag moves the section with the pointer, and the edge of the section stops it", () => {
  camera.zoom(2);
  camera.drag(40, -20);
  near(camera.view, { x: 290, y: 155 });
  camera.drag(1e6, 1e6);
  camera.keepInside();
  near(camera.toTissue({ x: 0, y: 0 }), { x: 0, y: 0 });
});

test("a shift is a part of what is seen", () => {
  camera.zoom(3);
  camera.shift(0.12, 0);
  near(camera.view, { x: 300 + 0.12 * 200, y: 150 });
});

test("a panel of another size shows the same part of the section", () => {
  camera.zoom(2, { x: 300, y: 150 });
  const before = camera.view;
  camera.fit(section, 600, 300);
  near(camera.view, { x: before.x, y: before.y, scale: before.scale / 2 });
});

test("the camera follows a place that would leave the panel, and no farther", () => {
  camera.zoom(3);
  camera.follow({ x: 310, y: 150 });
  near(camera.view, { x: 300, y: 150 });
  camera.follow({ x: 450, y: 150 });
  near(camera.toPage({ x: 450, y: 150 }), { x: 600 + 0.46 * 1200, y: 300 });
});
