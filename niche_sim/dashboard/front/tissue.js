// The section on the page: one to three panels that share zoom, place and layers, and what is under the pointer.

import { panelSummary } from "./accessible_summary.js";
import { buildCamera } from "./camera.js";
import { colourTable } from "./colours.js";
import { freshId, make, makeButton } from "./dom.js";
import { unpackFrame } from "./frames.js";
import { glyphStore, stampSheet } from "./glyphs.js";
import { buildInspector } from "./inspector.js";
import { buildLayers, drawKey } from "./layers.js";
import { describePlace, nearestCell, placeOfCell, siteIndex, siteValues } from "./picking.js";
import { attachPointerInput, KEYS_HELP } from "./pointer_input.js";
import { drawSection, pictureStore } from "./section.js";

const TALLEST = 0.68; // of the window, where panels do not fill what they are given
const QUICK = 150; // ms between two pictures that make a film
// options: {fill, fields: [name], dark, onPick({panel, y_um, x_um, reach_um, unique_id}), onFields([name]), onDrawn(seq), onScale(mode), onPlane(depth_um), cardOf(found),
// below}: where there is nobody to ask, cardOf makes the card of what the picture itself tells, {title, lines, unique_id}; below is
// an element that stands below the picture; fill: panels fill the room that the page gives them, else they have the section's shape.
// Returns {setStatic(static), setFrame(header, buffers), setDark(on), setCard(card), setView(view), getView(), destroy()}.
export function buildTissue(el, options) {
  const root = make("div", "ns-tissue");
  const tools = make("div", "ns-tools");
  const stage = make("div", "ns-panels");
  const picture = make("div", "ns-picture");
  const aside = make("div", "ns-aside");
  const tip = make("div", "ns-hover");
  tip.setAttribute("aria-hidden", "true");
  tip.hidden = true;
  const spoken = make("p", "ns-unseen");
  spoken.setAttribute("aria-live", "polite");
  const help = make("p", "ns-unseen", KEYS_HELP);
  help.id = freshId("ns-help");
  picture.append(stage, tools, spoken, help);
  const layout = make("div", "ns-layout");
  layout.append(picture);
  if (options.below) layout.append(options.below);
  layout.append(aside);
  root.append(layout, tip);
  el.append(root);

  let section = null;
  let panels = []; // of the last frame
  const frames = []; // canvas and what is kept of each panel
  let seq = null;
  let dark = Boolean(options.dark);
  const camera = buildCamera();
  let order = [];
  let byName = new Map();
  let tables = null;
  let zones = null;
  let cross = null;
  let marked = null; // the cell that was clicked, ringed wherever it goes: {panel, population, id}
  let run; // what the frames are of; another mouse has other cells of the same numbers
  let scheduled = 0;
  let returnTo = null;
  let summarisedAt = -Infinity;
  let summaryTimer = 0;
  let drawnAt = -Infinity;
  let refine = 0;
  const glyph = glyphStore();
  const layers = { fields: new Map(), kinds: [], anatomy: true, colonies: true };
  const card = buildInspector(picture, () => {
    marked = null;
    redraw();
    (returnTo || frames[0]?.canvas)?.focus({ preventScroll: true });
  });
  const panel = buildLayers(aside, layers, {
    changed: redraw,
    fields: (names) => options.onFields?.(names),
    brief: options.fill,
    scale: options.onScale,
    plane: options.onPlane,
  });
  for (const [text, name, act] of [
    ["+", "Zoom in", () => camera.zoom(1.5)],
    ["−", "Zoom out", () => camera.zoom(1 / 1.5)],
    ["Whole section", "", () => camera.look("whole")],
  ]) {
    const button = makeButton("ns-tool", text, () => {
      act();
      redraw();
    });
    if (name) button.setAttribute("aria-label", name);
    tools.append(button);
  }
  const hint = make("span", "ns-hint");
  hint.textContent = window.matchMedia("(pointer: coarse)").matches
    ? `Tap a cell for ${options.cardOf ? "what it is" : "its story"}; two fingers zoom.`
    : `Point at a cell to see what it is; click it ${options.cardOf ? "to keep that in view" : "for its story"}.`;
  aside.append(hint);

  // --- size and view -------------------------------------------------------------------------------------------------

  const watcher = new ResizeObserver(() => redraw());
  watcher.observe(stage);
  root.dataset.theme = dark ? "dark" : "light";

  function addPanel() {
    const box = make("figure", "ns-panel");
    const caption = document.createElement("figcaption");
    const canvas = make("canvas", "ns-canvas");
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-describedby", help.id);
    const key = make("div", "ns-key");
    key.hidden = true;
    box.append(caption, canvas, key);
    stage.append(box);
    const made = {
      box,
      caption,
      canvas,
      key,
      context: canvas.getContext("2d", { alpha: false }),
      picture: pictureStore(),
      sheet: stampSheet(),
      keyed: "",
    };
    attachPointerInput(canvas, camera, inputHandlers(frames.length));
    frames.push(made);
    summarisedAt = -Infinity; // a new panel has its description at once
  }

  function fitPanels() {
    while (frames.length < panels.length) addPanel();
    while (frames.length > panels.length) frames.pop().box.remove();
    layout.dataset.panels = panels.length;
    const ratio = window.devicePixelRatio || 1;
    const { width, height } = sizeOfPanels();
    for (const { canvas } of frames) {
      if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(height * ratio);
        canvas.style.width = `${width}px`;
        canvas.style.height = `${height}px`;
      }
    }
    if (width > 0) camera.fit(section, width, height);
    return { width, height, ratio };
  }

  function sizeOfPanels() {
    const { clientWidth: width, clientHeight: height } = frames[0].box;
    if (options.fill) return { width, height };
    const scale = Math.min(width / section.width_um, Math.max(TALLEST * window.innerHeight, 300) / section.height_um);
    return { width: Math.floor(section.width_um * scale), height: Math.floor(section.height_um * scale) };
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
      const { view, whole } = camera;
      // Pictures that follow each other quickly are drawn a little coarser; the last of them again when all is still.
      const quick = performance.now() - drawnAt < QUICK;
      clearTimeout(refine);
      if (quick)
        refine = setTimeout(() => {
          drawnAt = -Infinity;
          redraw();
        }, 2 * QUICK);
      panels.forEach((given, number) => {
        const { context, picture: store, sheet, canvas } = frames[number];
        canvas.style.touchAction = view.scale > whole * 1.01 ? "none" : "pan-y";
        const chosen =
          marked && marked.panel === number ? placeOfCell(section, given, layers, marked.population, marked.id) : null;
        if (chosen) canvas.dataset.chosen = `${chosen.x} ${chosen.y}`;
        else delete canvas.dataset.chosen;
        drawSection({
          context,
          width,
          height,
          ratio,
          view,
          whole,
          order,
          static: section,
          tables,
          panel: given,
          layers,
          glyph,
          picture: store,
          sheet,
          cross,
          chosen,
          dark,
          quick,
        });
      });
      drawnAt = performance.now();
      captions();
      panel.setFrame(panels);
      const wait = summarisedAt + 1000 - performance.now();
      if (wait <= 0) summarise();
      else if (!summaryTimer) summaryTimer = setTimeout(summarise, wait);
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
      const apart = field?.difference;
      const title = apart ? [byName.get(field.name).label, given.title || "difference"].join(": ") : given.title;
      if (caption.textContent !== title) caption.textContent = title;
      caption.hidden = !title || (options.fill && panels.length === 1); // the page says it of one
      key.hidden = !apart;
      if (!apart) return;
      const keyed = `${field.name} ${field.low} ${field.high} ${dark}`;
      if (frames[number].keyed === keyed) return;
      frames[number].keyed = keyed;
      drawKey(key, tables.difference, field, byName.get(field.name).unit);
    });
  }

  // The scene in description, for those who do not see it; not more often than once a second.
  function summarise() {
    clearTimeout(summaryTimer);
    summaryTimer = 0;
    if (frames.length < panels.length) return; // they come with the next picture, and are told of then
    summarisedAt = performance.now();
    panels.forEach((given, number) => {
      const text = panelSummary(section, given, layers.kinds, (name) => byName.get(name));
      const { canvas } = frames[number];
      if (canvas.getAttribute("aria-label") !== text) canvas.setAttribute("aria-label", text);
    });
  }

  // --- what is under the pointer -------------------------------------------------------------------------------------

  function under(number, place) {
    const given = panels[number];
    const at = camera.toTissue(place);
    if (at.x < 0 || at.y < 0 || at.x > section.width_um || at.y > section.height_um) return null;
    const reach = 8 / camera.view.scale;
    const cell = nearestCell(section, given, layers, order, at.x, at.y, reach);
    const where = cell || at;
    const zone = section.zone_names[zones[siteIndex(section, section.shape, where.x, where.y)]];
    return {
      cell,
      at,
      reach,
      ...describePlace(section, cell, zone, siteValues(section, given, byName, where.x, where.y)),
    };
  }

  function hover(number, place, event) {
    const found = section && camera.view && under(number, place);
    if (!found) {
      tip.hidden = true;
      return;
    }
    const { title, lines } = found;
    tip.replaceChildren(make("strong", "", title), ...lines.map((text) => make("div", "", text)));
    tip.hidden = false;
    const box = root.getBoundingClientRect();
    const x = event.clientX - box.left;
    const y = event.clientY - box.top;
    tip.style.left = `${Math.max(Math.min(x + 14, box.width - tip.offsetWidth - 4), 4)}px`;
    tip.style.top = `${y + 18 + tip.offsetHeight > box.height ? y - tip.offsetHeight - 12 : y + 18}px`;
  }

  function pick(number, place) {
    const found = section && camera.view && under(number, place);
    if (!found) return;
    const box = frames[number].canvas.getBoundingClientRect();
    const middle = picture.getBoundingClientRect();
    picture.dataset.card = box.left + place.x > middle.left + middle.width / 2 ? "left" : "right"; // not over what was clicked
    returnTo = frames[number].canvas;
    const where = found.cell || found.at;
    marked = found.cell && { panel: number, population: section.kinds[found.cell.kind].population, id: found.cell.id };
    redraw();
    if (options.cardOf) {
      tip.hidden = true;
      showCard(
        options.cardOf({ title: found.title, lines: found.lines, unique_id: found.cell ? found.cell.id : null }),
      );
    }
    options.onPick?.({
      panel: number,
      y_um: where.y,
      x_um: where.x,
      unique_id: found.cell ? found.cell.id : null,
      reach_um: found.cell ? found.reach : 0, // where no cell is shown the place is meant, not a hidden cell
    });
  }

  // --- what a visitor does -------------------------------------------------------------------------------------------

  function inputHandlers(number) {
    return {
      moved: redraw,
      hover: (place, event) => hover(number, place, event),
      away: () => (tip.hidden = true),
      pick: (place) => pick(number, place),
      cross(x, y) {
        const { x: left, y: top, scale } = camera.view;
        cross = cross || { x: left, y: top };
        cross.x = Math.min(Math.max(cross.x + x / scale, 0), section.width_um);
        cross.y = Math.min(Math.max(cross.y + y / scale, 0), section.height_um);
        camera.follow(cross);
        announce(number);
      },
      ask() {
        cross = cross || { x: camera.view.x, y: camera.view.y };
        pick(number, camera.toPage(cross));
      },
      leave() {
        if (!cross && !card.open) return false;
        cross = null;
        tip.hidden = true;
        card.close();
        return true;
      },
    };
  }

  // What is under the cross hair: shown as the pointer would show it, and said.
  function announce(number) {
    const place = camera.toPage(cross);
    const box = frames[number].canvas.getBoundingClientRect();
    hover(number, place, { clientX: box.left + place.x, clientY: box.top + place.y });
    const { title, lines } = under(number, place);
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
      if (!given?.shape) return;
      const other = !section || given.width_um !== section.width_um || given.height_um !== section.height_um;
      section = given;
      if (other) {
        camera.look(null);
        cross = marked = null;
      }
      byName = new Map(section.fields.map((look) => [look.name, look]));
      order = section.kinds
        .map((_, number) => number)
        .sort((a, b) => section.kinds[a].layer - section.kinds[b].layer || a - b);
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
      camera.look(wanted);
      redraw();
    },
    getView: () => camera.view,
    destroy() {
      watcher.disconnect();
      clearTimeout(refine);
      clearTimeout(summaryTimer);
      if (scheduled > 0) cancelAnimationFrame(scheduled);
      else clearTimeout(-scheduled);
      section = null;
      root.remove();
    },
  };
}
