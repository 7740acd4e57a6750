// Ties the viewer to an anywidget model: the only file that knows of a server.

import { bytesOf, patchBuffers } from "./frames.js";
import { buildViewer } from "./viewer.js";

export function render({ model, el }) {
  const send = (type, more) => model.send({ type, ...more });
  const viewer = buildViewer(
    el,
    {
      fill: model.get("fill"),
      fields: model.get("shown_fields"),
      dark: model.get("dark"),
      onPick: (place) => send("pick", place),
      onFields: (names) => {
        model.set("shown_fields", names);
        model.save_changes();
      },
      onScale: (mode) => send("scale", { mode }),
      onPlane: (depth_um) => send("plane", { depth_um }),
      onDrawn: (seq) => send("drawn", { seq }),
    },
    {
      play: () => send("play"),
      pause: () => send("pause"),
      step: (hours) => send("step", { hours }),
      reset: () => send("reset"),
      seek: (hours) => send("seek", { hours }),
      speed: (hours) => send("speed", { hours }),
    },
  );
  let known = { seq: 0, buffers: [] }; // the last picture, of which the next may say what is as it was
  const receive = (message, buffers) => {
    if (message.type === "frame") {
      const { seq, header, same } = message;
      if (same && same.base !== known.seq) return send("hello"); // one was missed: the whole picture, please
      known = { seq, buffers: same ? patchBuffers(known.buffers, same, buffers[0]) : buffers.map(bytesOf) };
      viewer.setFrame({ seq, ...header }, known.buffers);
    } else if (message.type === "picked") viewer.setCard(message.card);
  };
  const renew = () => viewer.setStatic(model.get("static"));
  const recolour = () => viewer.setDark(model.get("dark"));
  // Nothing is computed for long for a page that is not seen. One that is being closed is hidden, too, and cannot say so.
  const look = () => {
    try {
      send("hidden", { hidden: document.hidden });
    } catch {}
  };
  model.on("msg:custom", receive);
  model.on("change:static", renew);
  model.on("change:dark", recolour);
  renew();
  send("hello");
  document.addEventListener("visibilitychange", look);
  return () => {
    document.removeEventListener("visibilitychange", look);
    model.off("msg:custom", receive);
    model.off("change:static", renew);
    model.off("change:dark", recolour);
    viewer.destroy();
  };
}
