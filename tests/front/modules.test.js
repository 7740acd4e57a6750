import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const FRONT = new URL("../../niche_sim/dashboard/front/", import.meta.url);

for (const name of readdirSync(FRONT).filter((file) => file.endsWith(".js"))) {
  test(`${name} can be imported, touches no page until it is called, and asks for nothing from the network`, async () => {
    const exported = await import(new URL(name, FRONT));
    assert.ok(Object.keys(exported).length > 0);
    assert.doesNotMatch(readFileSync(new URL(name, FRONT), "utf-8"), /https?:|\bfetch\(|\burl\(|@import/);
  });
}
