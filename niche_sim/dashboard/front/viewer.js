// A run to look at: time, tissue and stages under one another. Plain data in, actions out; dashboard and replay share it.

// options: those of buildTissue, and actions of buildTransport. A frame's header may leave out `transport` and `strip`.
function buildViewer(el, options, actions) {
  const root = document.createElement("div");
  root.className = "ns-viewer";
  const [time, stages, tissueBox] = ["transport", "strip", "tissue"].map(() => document.createElement("div"));
  root.append(time, tissueBox, stages);
  el.append(root);
  let transport = null;
  let strip = null;
  const tissue = buildTissue(tissueBox, options);
  return {
    ...tissue,
    setFrame(header, buffers) {
      if (header.transport) root.dataset.time = header.transport.time_h; // of the picture; the clock is ahead of it while one drags
      if (header.transport) (transport ??= buildTransport(time, actions)).update(header.transport);
      if (header.strip) (strip ??= buildStrip(stages)).update(header.strip);
      tissue.setFrame(header, buffers);
    },
    setDark(on) {
      root.classList.toggle("ns-dark", on);
      tissue.setDark(on);
    },
  };
}
