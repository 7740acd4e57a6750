// Ties the viewer to an anywidget model: the only file that knows of a server.

function render({ model, el }) {
  const send = (type, more) => model.send({ type, ...more });
  const viewer = buildViewer(
    el,
    {
      fields: model.get("shown_fields"),
      dark: model.get("dark"),
      onPick: (place) => send("pick", place),
      onFields: (names) => {
        model.set("shown_fields", names);
        model.save_changes();
      },
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
  const receive = (message, buffers) => {
    if (message.type === "frame") viewer.setFrame({ seq: message.seq, ...message.header }, buffers);
    else if (message.type === "picked") viewer.setCard(message.card);
  };
  const renew = () => viewer.setStatic(model.get("static"));
  const recolour = () => viewer.setDark(model.get("dark"));
  const look = () => send("hidden", { hidden: document.hidden }); // nothing is computed for long for a page that is not seen
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

export default { render };
