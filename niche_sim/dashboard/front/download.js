// A button that lets the server make a file, shows how far it is, can give it up, and hands the file to the browser.

import { make, makeButton } from "./dom.js";

export function render({ model, el }) {
  el.classList.add("ns-download");
  const want = makeButton("ns-press", "", () => model.send({ type: "want" }));
  const busy = make("div", "ns-busy");
  const bar = document.createElement("progress");
  const far = make("span", "ns-said");
  const cancel = makeButton("ns-press", "Cancel", () => model.send({ type: "cancel" }));
  busy.append(bar, far, cancel);
  const said = make("p", "ns-error");
  said.setAttribute("role", "alert");
  el.append(want, busy, said);

  const update = () => {
    const state = model.get("state");
    want.textContent = model.get("label");
    want.disabled = state === "busy" || model.get("disabled");
    busy.hidden = state !== "busy";
    cancel.setAttribute("aria-label", `Cancel ${model.get("label")}`);
    bar.setAttribute("aria-label", `${model.get("label")}: progress`);
    const share = model.get("share");
    if (share < 0) bar.removeAttribute("value");
    else bar.value = share;
    far.textContent = model.get("far");
    said.hidden = !model.get("why");
    said.textContent = model.get("why");
  };
  for (const name of ["state", "label", "share", "far", "why", "disabled"]) model.on(`change:${name}`, update);
  model.on("msg:custom", (message, buffers) => {
    if (message.type !== "file") return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([buffers[0]], { type: message.mime }));
    link.download = message.name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  });
  update();
}
