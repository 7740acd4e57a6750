// A run to look at: time, tissue and stages under one another. Plain data in, actions out; dashboard and replay share it.

import { make } from "./dom.js";
import { buildStories, buildStrip } from "./strip.js";
import { buildTissue } from "./tissue.js";
import { buildTransport } from "./transport.js";

// options: those of buildTissue, and actions of buildTransport. A frame's header may leave out `transport` and
// `strips`, the stages of one run after the other.
export function buildViewer(el, options, actions) {
  const root = make("div", "ns-viewer");
  const [time, tissueBox, stages, rows] = Array.from({ length: 4 }, () => document.createElement("div"));
  root.append(time, tissueBox);
  stages.append(rows);
  el.append(root);
  let transport = null;
  const strips = [];
  const showStages = (given) => {
    while (strips.length < given.length) {
      const box = rows.appendChild(document.createElement("div"));
      strips.push({ box, ...buildStrip(box) });
    }
    if (!stages.lastChild.matches(".ns-stories")) buildStories(stages, given[0].stages);
    while (strips.length > given.length) strips.pop().box.remove();
    given.forEach((strip, number) => strips[number].update(strip));
  };
  const tissue = buildTissue(tissueBox, { ...options, below: stages });
  return {
    ...tissue,
    setFrame(header, buffers) {
      if (header.transport) root.dataset.time = header.transport.time_h; // of the picture; the clock is ahead of it while one drags
      if (header.transport) (transport ??= buildTransport(time, actions)).update(header.transport);
      if (header.strips) showStages(header.strips);
      tissue.setFrame(header, buffers);
    },
    setDark(on) {
      root.classList.toggle("ns-dark", on);
      tissue.setDark(on);
    },
  };
}
