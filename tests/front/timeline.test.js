import assert from "node:assert/strict";
import { test } from "node:test";

import { curveArea } from "../../niche_sim/dashboard/front/timeline.js";

test("an area spans the days that its curve has and touches the top where that is largest", () => {
  const area = curveArea({ time_h: [0, 12, 24], mean: [0, 0.2, 0.1] }, 48, 0.2);
  assert.equal(area, "polygon(0.00% 100%, 0.00% 100.0%, 25.00% 0.0%, 50.00% 50.0%, 50.00% 100%)");
});
