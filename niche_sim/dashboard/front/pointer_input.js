// What a visitor does on a panel, by pointer, touch and keyboard.

export const KEYS_HELP =
  "Plus and minus zoom, the arrow keys move, zero shows the whole section. Shift and the arrow keys move a cross hair; " +
  "Enter tells what is under it; Escape puts it away.";
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// act: moved() after the camera has moved; hover(place, event), away(), pick(place) with places in pixels of the panel;
// cross(x, y) moves the cross hair by so many pixels, ask() tells what is under it, leave() puts it away and says whether it was there.
export function attachPointerInput(canvas, camera, act) {
  const held = new Map(); // pointers that are down, and where
  let moved = 0;
  const placeOf = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!camera.view || (event.deltaY > 0 && !camera.zoomed)) return; // nothing to zoom out of: the page scrolls
      event.preventDefault();
      camera.zoom(Math.exp(-0.0016 * event.deltaY * (event.deltaMode ? 16 : 1)), placeOf(event));
      act.moved();
    },
    { passive: false },
  );

  canvas.addEventListener("pointerdown", (event) => {
    held.set(event.pointerId, placeOf(event));
    canvas.setPointerCapture(event.pointerId);
    if (held.size === 1) moved = 0;
  });

  canvas.addEventListener("pointermove", (event) => {
    const now = placeOf(event);
    if (!held.has(event.pointerId)) {
      act.hover(now, event);
      return;
    }
    act.away();
    const before = held.get(event.pointerId);
    held.set(event.pointerId, now);
    if (held.size === 2) {
      const [other] = [...held].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      const span = (place) => Math.max(Math.hypot(place.x - other.x, place.y - other.y), 1);
      moved = Infinity;
      camera.zoom(span(now) / span(before), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
      act.moved();
      return;
    }
    moved += Math.hypot(now.x - before.x, now.y - before.y);
    if (camera.view && moved > 4) {
      camera.drag(now.x - before.x, now.y - before.y);
      canvas.classList.add("ns-held");
      act.moved();
    }
  });

  const release = (event) => {
    const click = held.delete(event.pointerId) && event.type === "pointerup" && moved <= 4;
    canvas.classList.remove("ns-held");
    if (click) act.pick(placeOf(event));
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", act.away);
  canvas.addEventListener("blur", act.away);

  canvas.addEventListener("keydown", (event) => {
    if (!camera.view || event.ctrlKey || event.altKey || event.metaKey) return;
    const arrow = ARROWS[event.key];
    if (arrow && event.shiftKey) act.cross(12 * arrow[0], 12 * arrow[1]);
    else if (arrow) camera.shift(0.12 * arrow[0], 0.12 * arrow[1]);
    else if (event.key === "+" || event.key === "=") camera.zoom(1.5);
    else if (event.key === "-" || event.key === "_") camera.zoom(1 / 1.5);
    else if (event.key === "0") camera.look(null);
    else if (event.key === "Enter") act.ask();
    else if (event.key !== "Escape" || !act.leave()) return;
    act.moved();
    event.preventDefault();
    event.stopPropagation();
  });
}
