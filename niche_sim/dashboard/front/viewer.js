// A run to look at: the tissue, what it is drawn with beside it, and the time line below. Plain data in, actions out; dashboard and
// replay share it.

import { make } from "./dom.js";
import { buildTimeline } from "./timeline.js";
import { buildTissue } from "./tissue.js";
import { buildTransport } from "./transport.js";

// options: those of buildTissue, and actions of buildTransport and buildTimeline. A frame's header may leave out `transport` and
// `strips`, the stages of one run after the other.
export function buildViewer(el, options, actions) {
  const root = make("div", `ns-viewer${options.fill ? " ns-filling" : ""}`);
  const below = make("div", "ns-time");
  const [row, lanes] = [make("div", ""), make("div", "ns-scrubber")];
  el.append(root);
  const tissue = buildTissue(root, { ...options, below });
  let time = null;
  const begin = () => {
    below.append(row, lanes);
    time = { transport: buildTransport(row, actions), line: buildTimeline(lanes, actions, tissue.setCard) };
    time.line.onMove = time.transport.showTime;
  };
  return {
    ...tissue,
    setFrame(header, buffers) {
      const now = header.transport;
      if (now) {
        root.dataset.time = now.time_h; // of the picture; the clock is ahead of it while one drags
        if (!time) begin();
        time.transport.update(now);
        if (!time.line.held) time.transport.showTime(now.time_h);
        if (header.strips) {
          time.line.setStages(header.strips);
          time.transport.setLimits(header.strips);
        }
        time.line.update(now);
        time.line.setReceptive(header.receptivity || []);
      }
      tissue.setFrame(header, buffers);
    },
    setDark(on) {
      root.classList.toggle("ns-dark", on);
      tissue.setDark(on);
    },
  };
}
