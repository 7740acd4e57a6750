// The section on the page: one to three panels that share zoom, place and layers; pointer, touch and keyboard.

const CLOSEST = 6; // pixels of the page per um, at most
const MOST_ABOVE = 110; // pixels of a page above the viewer that are allowed for; what else comes and goes there is scrolled
const BESIDE = 1000; // pixels from which on a page has its controls beside the viewer
const BELOW = 76; // pixels below a panel: the lamps of the stages stay in sight
const SENTENCE = 48; // pixels
const QUICK = 150; // ms between two pictures that make a film
const KEYS_HELP =
  "Plus and minus zoom, the arrow keys move, zero shows the whole section. Shift and the arrow keys move a cross hair; " +
  "Enter tells what is under it; Escape puts it away.";

// options: {fields: [name], dark, onPick({panel, y_um, x_um, reach_um, unique_id}), onFields([name]), onDrawn(seq), cardOf(found),
// below}: where there is nobody to ask, cardOf makes the card of what the picture itself tells, {title, lines, unique_id}; below is
// an element that stands between the picture and the layers.
// Returns {setStatic(static), setFrame(header, buffers), setDark(on), setCard(card), setView(view), getView(), destroy()}.
function buildTissue(el, options) {
  const root = document.createElement("div");
  root.className = "ns-tissue";
  const tools = document.createElement("div");
  tools.className = "ns-tools";
  const stage = document.createElement("div");
  stage.className = "ns-panels";
  const picture = document.createElement("div");
  picture.className = "ns-picture";
  const aside = document.createElement("div");
  aside.className = "ns-aside";
  const tip = document.createElement("div");
  tip.className = "ns-hover";
  tip.setAttribute("aria-hidden", "true");
  tip.hidden = true;
  const spoken = document.createElement("p");
  spoken.className = "ns-unseen";
  spoken.setAttribute("aria-live", "polite");
  const help = document.createElement("p");
  help.className = "ns-unseen";
  help.id = `ns-help-${(window.nicheSimIds = (window.nicheSimIds || 0) + 1)}`;
  help.textContent = KEYS_HELP;
  picture.append(tools, stage, spoken, help);
  const layout = document.createElement("div");
  layout.className = "ns-layout";
  layout.append(picture, aside);
  if (options.below) layout.append(options.below);
  root.append(layout, tip);
  el.append(root);

  let section = null;
  let panels = []; // of the last frame
  let frames = []; // canvas and what is kept of each panel
  let seq = null;
  let dark = Boolean(options.dark);
  let view = null;
  let whole = 1;
  let fitted = {}; // the window, and how high a panel may be in it
  let order = [];
  let byName = new Map();
  let tables = null;
  let zones = null;
  let cross = null;
  let marked = null; // the cell that was clicked, ringed wherever it goes: {panel, population, id}
  let run; // what the frames are of; another mouse has other cells of the same numbers
  let scheduled = 0;
  let returnTo = null;
  let summed = -Infinity;
  let summing = 0;
  let drawnAt = -Infinity;
  let refine = 0;
  const mark = markStore();
  const layers = { fields: new Map(), kinds: [], anatomy: true, colonies: true };
  const card = buildCard(aside, () => {
    marked = null;
    redraw();
    (returnTo || frames[0]?.canvas)?.focus({ preventScroll: true });
  });
  const panel = buildLayers(aside, layers, { changed: redraw, fields: (names) => options.onFields?.(names) });
  for (const [text, name, act] of [
    ["+", "Zoom in", () => zoom(1.5)],
    ["−", "Zoom out", () => zoom(1 / 1.5)],
    ["Whole section", "", () => { view = null; redraw(); }],
  ]) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "ns-tool";
    button.textContent = text;
    if (name) button.setAttribute("aria-label", name);
    button.addEventListener("click", act);
    tools.append(button);
  }
  const hint = document.createElement("span");
  hint.className = "ns-hint";
  hint.textContent = window.matchMedia("(pointer: coarse)").matches
    ? `Tap a cell for ${options.cardOf ? "what it is" : "its story"}; two fingers zoom.`
    : `Point at a cell to see what it is; click it ${options.cardOf ? "to keep that in view" : "for its story"}.`;
  tools.append(hint);

  // --- size and view -------------------------------------------------------------------------------------------------

  const watcher = new ResizeObserver(() => redraw());
  watcher.observe(stage);
  root.dataset.theme = dark ? "dark" : "light";

  function addPanel() {
    const box = document.createElement("figure");
    box.className = "ns-panel";
    const caption = document.createElement("figcaption");
    const canvas = document.createElement("canvas");
    canvas.className = "ns-canvas";
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-describedby", help.id);
    const key = document.createElement("div");
    key.className = "ns-key";
    key.hidden = true;
    box.append(caption, canvas, key);
    stage.append(box);
    const made = { box, caption, canvas, key, context: canvas.getContext("2d", { alpha: false }), picture: pictureStore(), sheet: stampSheet(), keyed: "" };
    listen(made, frames.length);
    frames.push(made);
  }

  function fitPanels() {
    while (frames.length < panels.length) addPanel();
    while (frames.length > panels.length) frames.pop().box.remove();
    layout.dataset.panels = panels.length;
    const ratio = window.devicePixelRatio || 1;
    const room = frames[0].box.clientWidth;
    const tallest = tallestNow();
    const scale = Math.min(room / section.width_um, tallest / section.height_um);
    const width = Math.floor(section.width_um * scale);
    const height = Math.floor(section.height_um * scale);
    root.style.setProperty("--t-tall", `${height}px`);
    for (const { canvas } of frames) {
      if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(height * ratio);
        canvas.style.width = `${width}px`;
        canvas.style.height = `${height}px`;
      }
    }
    // A picture of another size shows the same part of the section.
    if (view && width > 0) view.scale *= width / section.width_um / whole;
    if (width > 0) whole = width / section.width_um;
    return { width, height, ratio };
  }

  // How high a panel may be so that it and all that stands above it in the viewer fit into the window. It stays as it is for
  // a sentence more or less above it, since a picture that changes its size at every step cannot be watched.
  function tallestNow() {
    if (window.innerWidth < BESIDE) return Math.max(0.78 * window.innerHeight, 300); // a phone is scrolled, and its width decides
    const size = `${window.innerWidth} ${window.innerHeight}`;
    const viewer = root.closest(".ns-viewer") || root;
    const top = viewer.getBoundingClientRect().top;
    const above = Math.min(top + window.scrollY, MOST_ABOVE) + frames[0].canvas.getBoundingClientRect().top - top;
    const free = Math.max(Math.min(0.78 * window.innerHeight, window.innerHeight - above - BELOW), 300);
    if (size !== fitted.window || free < fitted.free || free > fitted.free + SENTENCE) fitted = { window: size, free };
    return fitted.free;
  }

  function keepInside(width, height) {
    if (!view) view = { x: section.width_um / 2, y: section.height_um / 2, scale: whole };
    view.scale = Math.min(Math.max(view.scale, whole), Math.max(CLOSEST, whole));
    const half = { x: width / view.scale / 2, y: height / view.scale / 2 };
    view.x = Math.min(Math.max(view.x, half.x), Math.max(section.width_um - half.x, half.x));
    view.y = Math.min(Math.max(view.y, half.y), Math.max(section.height_um - half.y, half.y));
  }

  // at: a place of a canvas, in pixels of the page, that stays where it is; its middle if left out.
  function zoom(by, at) {
    if (!view) return;
    const size = { width: frames[0].canvas.clientWidth, height: frames[0].canvas.clientHeight };
    const place = at || { x: size.width / 2, y: size.height / 2 };
    const before = toTissue(place);
    view.scale = Math.min(Math.max(view.scale * by, whole), Math.max(CLOSEST, whole));
    view.x = before.x - (place.x - size.width / 2) / view.scale;
    view.y = before.y - (place.y - size.height / 2) / view.scale;
    redraw();
  }

  function toTissue(place) {
    const canvas = frames[0].canvas;
    return {
      x: view.x + (place.x - canvas.clientWidth / 2) / view.scale,
      y: view.y + (place.y - canvas.clientHeight / 2) / view.scale,
    };
  }

  // --- drawing -------------------------------------------------------------------------------------------------------

  function redraw() {
    if (scheduled || !section || !panels.length) return;
    // A hidden page gets no animation frames, yet whoever sends pictures waits for an answer.
    scheduled = document.hidden ? -setTimeout(draw, 100) : requestAnimationFrame(draw);
  }

  function draw() {
    scheduled = 0;
    if (!section || !panels.length) return;
    const { width, height, ratio } = fitPanels();
    if (width > 0) {
      keepInside(width, height);
      // Pictures that follow each other quickly are drawn a little coarser; the last of them again when all is still.
      const quick = performance.now() - drawnAt < QUICK;
      clearTimeout(refine);
      if (quick) refine = setTimeout(() => { drawnAt = -Infinity; redraw(); }, 2 * QUICK);
      panels.forEach((given, number) => {
        const { context, picture: store, sheet, canvas } = frames[number];
        canvas.style.touchAction = view.scale > whole * 1.01 ? "none" : "pan-y";
        const chosen = marked && marked.panel === number ? placeOfCell(section, given, layers, marked.population, marked.id) : null;
        if (chosen) canvas.dataset.chosen = `${chosen.x} ${chosen.y}`;
        else delete canvas.dataset.chosen;
        drawSection({
          context, width, height, ratio, view, whole, order, static: section, tables, panel: given, layers, mark,
          picture: store, sheet, cross, chosen, dark, quick,
        });
      });
      drawnAt = performance.now();
      captions();
      panel.setFrame(panels);
      const wait = summed + 1000 - performance.now();
      if (wait <= 0) sumUp();
      else if (!summing) summing = setTimeout(sumUp, wait);
    }
    if (seq !== null) {
      const drawn = seq;
      seq = null;
      options.onDrawn?.(drawn);
    }
  }

  function captions() {
    panels.forEach((given, number) => {
      const { caption, key } = frames[number];
      const field = given.fields[0];
      const apart = field && field.difference;
      const title = given.title || (apart ? `Difference in ${byName.get(field.name).label}` : "");
      if (caption.textContent !== title) caption.textContent = title;
      caption.hidden = !title;
      key.hidden = !apart;
      if (!apart) return;
      const keyed = `${field.name} ${field.low} ${field.high} ${dark}`;
      if (frames[number].keyed === keyed) return;
      frames[number].keyed = keyed;
      drawKey(key, field);
    });
  }

  function drawKey(key, field) {
    const bar = document.createElement("canvas");
    bar.className = "ns-bar";
    bar.width = 256;
    bar.height = 1;
    bar.setAttribute("aria-hidden", "true");
    const image = new ImageData(256, 1);
    new Uint32Array(image.data.buffer).set(tables.difference);
    bar.getContext("2d").putImageData(image, 0, 0);
    const ends = document.createElement("div");
    ends.className = "ns-ends";
    const unit = byName.get(field.name).unit;
    for (const text of [`${sayNumber(field.low, field.high)} (less)`, unit, `(more) +${sayNumber(field.high, field.high)}`]) {
      const part = document.createElement("span");
      part.textContent = text;
      ends.append(part);
    }
    key.replaceChildren(bar, ends);
  }

  // The scene in words, for those who do not see it; not more often than once a second.
  function sumUp() {
    clearTimeout(summing);
    summing = 0;
    summed = performance.now();
    panels.forEach((given, number) => {
      const shown = given.fields.map((field) => {
        const { label, unit } = byName.get(field.name);
        const highest = given.fields.length ? Math.max(...sample(field.values)) / 255 : 0;
        const value = field.low + highest * (field.high - field.low);
        return field.difference ? `difference in ${label}` : `${label} up to ${sayNumber(value, field.high - field.low)} ${unit}`;
      });
      const cells = given.counts
        .map((count, kind) => [count, section.kinds[kind].label, layers.kinds[kind]])
        .filter(([count, , on]) => count && on)
        .sort((a, b) => b[0] - a[0])
        .map(([count, label]) => `${count.toLocaleString("en")} ${label}`);
      const size = `${section.width_um / 1000} by ${section.height_um / 1000} mm`;
      const words = [`${given.title ? `${given.title}: ` : ""}section of tissue, ${size}`];
      if (shown.length) words.push(`coloured by ${shown.join(", ")}`);
      if (cells.length) words.push(`cells: ${cells.join(", ")}`);
      if (given.colonies.length) words.push(`${given.colonies.length} colonies`);
      const text = `${words.join("; ")}.`;
      const { canvas } = frames[number];
      if (canvas.getAttribute("aria-label") !== text) canvas.setAttribute("aria-label", text);
    });
  }

  function* sample(values) {
    for (let i = 0; i < values.length; i++) yield values[i];
  }

  // --- what is under the pointer -------------------------------------------------------------------------------------

  function under(number, place) {
    const given = panels[number];
    const at = toTissue(place);
    if (at.x < 0 || at.y < 0 || at.x > section.width_um || at.y > section.height_um) return null;
    const reach = 8 / view.scale;
    const cell = nearestCell(section, given, layers, order, at.x, at.y, reach);
    const where = cell || at;
    const [rows, columns] = section.shape;
    const iy = Math.min(Math.floor((where.y / section.height_um) * rows), rows - 1);
    const ix = Math.min(Math.floor((where.x / section.width_um) * columns), columns - 1);
    const zone = section.zone_names[zones[iy * columns + ix]];
    return { cell, at, reach, zone, values: siteValues(section, given, byName, where.x, where.y) };
  }

  function words(found) {
    const kind = found.cell && section.kinds[found.cell.kind];
    return {
      title: kind ? kind.label : found.zone,
      lines: [
        ...(kind ? [`${kind.description[0].toUpperCase()}${kind.description.slice(1)}.`, found.zone] : []),
        ...found.values.map(([label, value, unit]) => `${label}: ${value} ${unit}`),
      ],
    };
  }

  function hover(number, place, event) {
    const found = section && view && under(number, place);
    if (!found) {
      tip.hidden = true;
      return;
    }
    const { title, lines } = words(found);
    const head = document.createElement("strong");
    head.textContent = title;
    tip.replaceChildren(head, ...lines.map((text) => Object.assign(document.createElement("div"), { textContent: text })));
    tip.hidden = false;
    const box = root.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    tip.style.left = `${Math.max(Math.min(x + 14, box.width - tip.offsetWidth - 4), 4)}px`;
    tip.style.top = `${y + 18 + tip.offsetHeight > box.height ? y - tip.offsetHeight - 12 : y + 18}px`;
  }

  function pick(number, place) {
    const found = section && view && under(number, place);
    if (!found) return;
    returnTo = frames[number].canvas;
    const where = found.cell || found.at;
    marked = found.cell && { panel: number, population: section.kinds[found.cell.kind].population, id: found.cell.id };
    redraw();
    if (options.cardOf) {
      tip.hidden = true;
      showCard(options.cardOf({ ...words(found), unique_id: found.cell ? found.cell.id : null }));
    }
    options.onPick?.({
      panel: number, y_um: where.y, x_um: where.x, unique_id: found.cell ? found.cell.id : null,
      reach_um: found.cell ? found.reach : 0, // where no cell is shown the place is meant, not a hidden cell
    });
  }

  // --- pointer, touch, keyboard --------------------------------------------------------------------------------------

  function listen(frame, number) {
    const { canvas } = frame;
    const held = new Map();
    let moved = 0;
    const placeOf = (event) => {
      const box = canvas.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    canvas.addEventListener("wheel", (event) => {
      if (!view || (event.deltaY > 0 && view.scale <= whole * 1.001)) return; // nothing to zoom out of: the page scrolls
      event.preventDefault();
      zoom(Math.exp(-0.0016 * event.deltaY * (event.deltaMode ? 16 : 1)), placeOf(event));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      held.set(event.pointerId, placeOf(event));
      canvas.setPointerCapture(event.pointerId);
      if (held.size === 1) moved = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      const now = placeOf(event);
      if (!held.has(event.pointerId)) {
        hover(number, now, event);
        return;
      }
      tip.hidden = true;
      const before = held.get(event.pointerId);
      if (held.size === 2) {
        const [other] = [...held].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
        const span = (place) => Math.max(Math.hypot(place.x - other.x, place.y - other.y), 1);
        moved = Infinity;
        held.set(event.pointerId, now);
        zoom(span(now) / span(before), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
        return;
      }
      moved += Math.hypot(now.x - before.x, now.y - before.y);
      held.set(event.pointerId, now);
      if (view && moved > 4) {
        view.x -= (now.x - before.x) / view.scale;
        view.y -= (now.y - before.y) / view.scale;
        canvas.classList.add("ns-held");
        redraw();
      }
    });
    const release = (event) => {
      const place = placeOf(event);
      const click = held.delete(event.pointerId) && event.type === "pointerup" && moved <= 4;
      canvas.classList.remove("ns-held");
      if (click) pick(number, place);
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("pointerleave", () => (tip.hidden = true));
    canvas.addEventListener("blur", () => {
      tip.hidden = true;
    });
    canvas.addEventListener("keydown", (event) => key(event, number));
  }

  function key(event, number) {
    if (!view || event.ctrlKey || event.altKey || event.metaKey) return;
    const size = { x: frames[number].canvas.clientWidth, y: frames[number].canvas.clientHeight };
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const arrow = arrows[event.key];
    if (arrow && event.shiftKey) {
      cross = cross || { x: view.x, y: view.y };
      cross.x = Math.min(Math.max(cross.x + (12 * arrow[0]) / view.scale, 0), section.width_um);
      cross.y = Math.min(Math.max(cross.y + (12 * arrow[1]) / view.scale, 0), section.height_um);
      // The view follows the cross hair when it comes to the edge.
      const half = { x: (0.46 * size.x) / view.scale, y: (0.46 * size.y) / view.scale };
      view.x = Math.min(Math.max(view.x, cross.x - half.x), cross.x + half.x);
      view.y = Math.min(Math.max(view.y, cross.y - half.y), cross.y + half.y);
      keepInside(size.x, size.y);
      tell(number);
      redraw();
    } else if (arrow) {
      view.x += (0.12 * size.x * arrow[0]) / view.scale;
      view.y += (0.12 * size.y * arrow[1]) / view.scale;
      redraw();
    } else if (event.key === "+" || event.key === "=") zoom(1.5);
    else if (event.key === "-" || event.key === "_") zoom(1 / 1.5);
    else if (event.key === "0") {
      view = null;
      redraw();
    } else if (event.key === "Enter") {
      cross = cross || { x: view.x, y: view.y };
      pick(number, toPage(cross, size));
      redraw();
    } else if (event.key === "Escape" && (cross || card.open)) {
      cross = null;
      tip.hidden = true;
      card.close();
      redraw();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function toPage(at, size) {
    return { x: (at.x - view.x) * view.scale + size.x / 2, y: (at.y - view.y) * view.scale + size.y / 2 };
  }

  // What is under the cross hair: shown as the pointer would show it, and said.
  function tell(number) {
    const { canvas } = frames[number];
    const place = toPage(cross, { x: canvas.clientWidth, y: canvas.clientHeight });
    const box = canvas.getBoundingClientRect();
    hover(number, place, { clientX: box.left + place.x, clientY: box.top + place.y });
    const found = under(number, place);
    const { title, lines } = words(found);
    spoken.textContent = [title, ...lines].join(". ");
  }

  function showCard(given) {
    card.show(given);
    spoken.textContent = [given.title, ...given.sentences].join(" ");
  }

  // --- from outside --------------------------------------------------------------------------------------------------

  function makeTables() {
    const theme = dark ? "dark" : "light";
    tables = {
      fields: new Map(section.fields.map((look) => [look.name, colourTable(look[theme])])),
      difference: colourTable(section.difference[theme]),
    };
  }

  return {
    setStatic(given) {
      if (!given || !given.shape) return;
      const other = !section || given.width_um !== section.width_um || given.height_um !== section.height_um;
      section = given;
      if (other) view = cross = marked = null;
      byName = new Map(section.fields.map((look) => [look.name, look]));
      order = section.kinds.map((_, number) => number).sort((a, b) => section.kinds[a].layer - section.kinds[b].layer || a - b);
      zones = Uint8Array.from(atob(section.zones), (letter) => letter.charCodeAt(0));
      for (const look of section.fields) {
        if (!layers.fields.has(look.name)) {
          layers.fields.set(look.name, { on: (options.fields || []).includes(look.name), opacity: 1 });
        }
      }
      if (layers.kinds.length !== section.kinds.length) layers.kinds = section.kinds.map(() => true);
      makeTables();
      panel.setStatic(section);
      panel.setDark(dark);
      redraw();
    },
    setFrame(header, buffers) {
      if (header.run !== run) marked = null;
      run = header.run;
      panels = unpackFrame(header, buffers);
      seq = header.seq === undefined ? null : header.seq;
      redraw();
    },
    setDark(on) {
      dark = Boolean(on);
      root.dataset.theme = dark ? "dark" : "light";
      if (section) makeTables();
      panel.setDark(dark);
      redraw();
    },
    setCard: showCard,
    setView(wanted) {
      view = wanted && { ...wanted };
      redraw();
    },
    getView: () => view && { ...view },
    destroy() {
      watcher.disconnect();
      clearTimeout(refine);
      clearTimeout(summing);
      if (scheduled > 0) cancelAnimationFrame(scheduled);
      else clearTimeout(-scheduled);
      section = null;
      root.remove();
    },
  };
}
