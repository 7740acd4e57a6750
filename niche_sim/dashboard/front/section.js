// Draws a section of tissue: fields, lobules, vessels, cells, colonies, scale bar. Plain data in, pixels out.

import { scaleBar } from "./formatting.js";
import { FINEST } from "./frames.js";
import { stampOf } from "./glyphs.js";

const PAPER = {
  light: {
    around: "#dfe4ea",
    page: "#fbf6f0",
    outline: "rgba(163,147,143,0.8)",
    lumen: "#ffffff",
    veinWall: "#6e6e6e",
    triad: "#ead7c3",
    triadWall: "#7a5c3e",
    artery: "#c0392b",
    duct: "#3e6b3e",
    ring: "#000000",
    chosen: "#0072b2",
    ink: "#16191d",
    plate: "rgba(255,255,255,0.86)",
  },
  dark: {
    around: "#2a2f36",
    page: "#15151a",
    outline: "rgba(150,140,136,0.55)",
    lumen: "#050608",
    veinWall: "#8d8d92",
    triad: "#463a30",
    triadWall: "#b39574",
    artery: "#d9594a",
    duct: "#7fae7f",
    ring: "#ffffff",
    chosen: "#56b4e9",
    ink: "#f2f4f7",
    plate: "rgba(10,11,14,0.78)",
  },
};

// What is kept between frames for one panel: pictures of fields, made anew when values, colours or scale change.
export function pictureStore() {
  const known = new Map();
  return (field, table) => {
    let entry = known.get(field.name);
    if (!entry) {
      entry = { canvas: document.createElement("canvas") };
      known.set(field.name, entry);
    }
    if (entry.values !== field.values || entry.table !== table) {
      const [rows, columns] = field.shape;
      const canvas = entry.canvas;
      if (canvas.width !== columns || canvas.height !== rows || !entry.image) {
        canvas.width = columns;
        canvas.height = rows;
        entry.image = new ImageData(columns, rows);
        entry.pixels = new Uint32Array(entry.image.data.buffer);
      }
      const { pixels } = entry;
      const values = field.values;
      for (let i = 0; i < pixels.length; i++) pixels[i] = table[values[i]];
      canvas.getContext("2d").putImageData(entry.image, 0, 0);
      entry.values = values;
      entry.table = table;
    }
    return entry.canvas;
  };
}

// How wide a kind's symbol is, in pixels of the page, at a scale of so many pixels per um; whole: that of the whole section.
function markWidth(kind, scale, whole) {
  const life = 6.1 * kind.size * scale; // as in the figures: 2 mm are 116 mm wide there
  return Math.max(life * (whole / scale) ** 0.28, 0.95 * kind.size);
}

// scene: {context, width, height, ratio, view, whole, look, static, tables, panel, layers, glyph, picture, sheet, order, cross, chosen, dark, quick}
// width, height: of the canvas in pixels of the page; ratio: pixels of the screen in one; view: {x, y, scale}, the middle in um.
export function drawSection(scene) {
  const { context, width, height, ratio, view, static: section, panel, layers, dark } = scene;
  const ink = dark ? PAPER.dark : PAPER.light;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.globalAlpha = 1;
  context.globalCompositeOperation = "source-over";
  const left = width / 2 - view.x * view.scale;
  const top = height / 2 - view.y * view.scale;
  context.fillStyle = ink.around;
  context.fillRect(0, 0, width, height);
  context.fillStyle = ink.page;
  context.fillRect(left, top, section.width_um * view.scale, section.height_um * view.scale);
  drawFields(scene, left, top);
  context.setTransform(ratio * view.scale, 0, 0, ratio * view.scale, ratio * left, ratio * top); // from now on in um
  if (layers.anatomy) drawAnatomy(context, section, view.scale, ink);
  context.setTransform(1, 0, 0, 1, 0, 0);
  if (panel.cells) drawCells(scene, left, top);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  if (layers.colonies) drawColonies(context, panel.colonies, view.scale, left, top, ink);
  if (scene.chosen) drawChosen(scene, left, top, ink);
  drawScaleBar(context, width, height, view.scale, ink);
  if (scene.cross) drawCross(context, scene.cross, view.scale, left, top, ink);
}

function drawFields(scene, left, top) {
  const { context, view, static: section, panel, layers, dark } = scene;
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = scene.quick ? "low" : "high"; // high takes half the time of a picture
  const shown = panel.fields.filter((field) => field.difference || layers.fields.get(field.name).on);
  let first = true;
  for (const field of shown) {
    const layer = layers.fields.get(field.name);
    const table = field.difference ? scene.tables.difference : scene.tables.fields.get(field.name);
    // Light fields darken each other like stains on a slide; dark ones brighten each other like dyes that glow.
    context.globalCompositeOperation = first ? "source-over" : dark ? "screen" : "multiply";
    const share = dark ? shown.length ** -0.8 : 1; // so that several dyes do not glow up to white
    context.globalAlpha = field.difference ? 1 : layer.opacity * share;
    const picture = scene.picture(field, table);
    context.drawImage(picture, left, top, section.width_um * view.scale, section.height_um * view.scale);
    first = false;
  }
  context.globalAlpha = 1;
  context.globalCompositeOperation = "source-over";
}

function drawAnatomy(context, section, scale, ink) {
  const line = (pixels) => (context.lineWidth = pixels / scale);
  context.strokeStyle = ink.outline;
  line(0.9);
  context.beginPath();
  for (const lobule of section.lobules) {
    lobule.forEach(([y, x], number) => (number ? context.lineTo(x, y) : context.moveTo(x, y)));
  }
  context.stroke();
  const disc = (y, x, radius, face, edge, wide) => {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fillStyle = face;
    context.strokeStyle = edge;
    line(wide);
    context.fill();
    context.stroke();
  };
  for (const [y, x] of section.veins) disc(y, x, section.central_radius_um, ink.lumen, ink.veinWall, 1);
  const radius = section.portal_radius_um;
  section.triads.forEach(([y, x], number) => {
    disc(y, x, radius, ink.triad, ink.triadWall, 1);
    if (radius * scale < 3) return;
    // Vein, artery and bile duct, turned a little from triad to triad as no two of them are cut alike.
    const turn = 2.4 * number;
    const part = (along, across, size, face, edge) => {
      const dx = radius * (along * Math.cos(turn) - across * Math.sin(turn));
      const dy = radius * (along * Math.sin(turn) + across * Math.cos(turn));
      disc(y + dy, x + dx, radius * size, face, edge, 0.7);
    };
    part(0.22, -0.14, 0.6, ink.lumen, ink.triadWall);
    if (!section.liver) return;
    part(-0.62, 0.26, 0.17, ink.artery, ink.triadWall);
    part(-0.26, 0.68, 0.19, ink.lumen, ink.duct);
  });
}

const LARGEST_STAMP = 24; // pixels of the screen; larger symbols are few enough for the canvas to draw them

function drawCells(scene, left, top) {
  const { context, width, height, ratio, view, whole, static: section, panel, layers, order, sheet } = scene;
  const { x, y } = panel.cells;
  const perX = (section.width_um / FINEST) * view.scale * ratio;
  const perY = (section.height_um / FINEST) * view.scale * ratio;
  const right = Math.round(width * ratio);
  const bottom = Math.round(height * ratio);
  const shown = order.filter((number) => layers.kinds[number] && panel.starts[number] < panel.starts[number + 1]);
  const symbols = shown.map((number) =>
    scene.glyph(section.kinds[number], markWidth(section.kinds[number], view.scale, whole) * ratio),
  );
  const largest = Math.max(0, ...symbols.map((symbol) => symbol.width));
  const stamping = largest <= LARGEST_STAMP;
  if (stamping) sheet.start(right, bottom, LARGEST_STAMP);
  shown.forEach((number, place) => {
    const symbol = symbols[place];
    const size = symbol.width;
    const stamp = stamping ? stampOf(symbol, sheet.columns) : null;
    const offX = left * ratio - size / 2 + 0.5;
    const offY = top * ratio - size / 2 + 0.5;
    for (let i = panel.starts[number]; i < panel.starts[number + 1]; i++) {
      const atX = Math.floor(x[i] * perX + offX);
      const atY = Math.floor(y[i] * perY + offY);
      if (atX <= -size || atY <= -size || atX >= right || atY >= bottom) continue;
      if (stamping) sheet.put(stamp, atX, atY);
      else context.drawImage(symbol, atX, atY);
    }
  });
  if (stamping) sheet.finish(context);
}

function drawColonies(context, colonies, scale, left, top, ink) {
  for (const [y, x, radius] of colonies) {
    context.beginPath();
    context.arc(left + x * scale, top + y * scale, radius * scale + 2, 0, 2 * Math.PI);
    context.strokeStyle = ink.plate;
    context.lineWidth = 3.5;
    context.stroke();
    context.strokeStyle = ink.ring;
    context.lineWidth = 1.5;
    context.stroke();
  }
}

// A ring around the cell that was clicked, wide enough to leave its symbol free.
function drawChosen({ context, view, whole, static: section, chosen }, left, top, ink) {
  const radius = Math.max(8, markWidth(section.kinds[chosen.kind], view.scale, whole) / 2 + 4);
  for (const [colour, wide] of [
    [ink.plate, 6],
    [ink.chosen, 3],
  ]) {
    context.beginPath();
    context.arc(left + chosen.x * view.scale, top + chosen.y * view.scale, radius, 0, 2 * Math.PI);
    context.strokeStyle = colour;
    context.lineWidth = wide;
    context.stroke();
  }
}

function drawScaleBar(context, width, height, scale, ink) {
  const { length, text } = scaleBar(scale, width);
  const across = length * scale;
  context.font = "600 12px system-ui, 'Segoe UI', Roboto, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  const wide = Math.max(across, context.measureText(text).width) + 14;
  const x = width - 10 - wide;
  const y = height - 10 - 30;
  context.fillStyle = ink.plate;
  context.beginPath();
  context.roundRect(x, y, wide, 30, 4);
  context.fill();
  context.fillStyle = ink.ink;
  context.fillText(text, x + wide / 2, y + 14);
  context.fillRect(Math.round(x + (wide - across) / 2), y + 20, Math.round(across), 3);
}

function drawCross(context, cross, scale, left, top, ink) {
  const x = Math.round(left + cross.x * scale) + 0.5;
  const y = Math.round(top + cross.y * scale) + 0.5;
  const arms = (colour, wide) => {
    context.strokeStyle = colour;
    context.lineWidth = wide;
    context.beginPath();
    for (const [dx, dy] of [
      [1, 0],
      [-1, 0],
      [0, 1],
      [0, -1],
    ]) {
      context.moveTo(x + 5 * dx, y + 5 * dy);
      context.lineTo(x + 15 * dx, y + 15 * dy);
    }
    context.stroke();
  };
  arms(ink.plate, 4);
  arms(ink.ink, 1.5);
}
