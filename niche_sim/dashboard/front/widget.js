// Ties the tissue view to an anywidget model: the only file that knows of a server.

function render({ model, el }) {
  const view = buildTissue(el, {
    fields: model.get("shown_fields"),
    dark: model.get("dark"),
    onPick: (place) => model.send({ type: "pick", ...place }),
    onFields: (names) => {
      model.set("shown_fields", names);
      model.save_changes();
    },
    onDrawn: (seq) => model.send({ type: "drawn", seq }),
  });
  const receive = (message, buffers) => {
    if (message.type === "frame") view.setFrame({ seq: message.seq, ...message.header }, buffers);
    else if (message.type === "picked") view.setCard(message.card);
  };
  const renew = () => view.setStatic(model.get("static"));
  const recolour = () => view.setDark(model.get("dark"));
  model.on("msg:custom", receive);
  model.on("change:static", renew);
  model.on("change:dark", recolour);
  renew();
  model.send({ type: "hello" });
  return () => {
    model.off("msg:custom", receive);
    model.off("change:static", renew);
    model.off("change:dark", recolour);
    view.destroy();
  };
}

export default { render };
