// The symbols of cells: drawn once for each size, then stamped wherever a cell of that kind is.

import { layOver } from "./colours.js";

// An outline around (0, 0) by Matplotlib's name of the marker; r: half the width of its box.
function traceGlyph(context, marker, r) {
  const polygon = (points) => {
    points.forEach(([x, y], number) => (number ? context.lineTo(x * r, y * r) : context.moveTo(x * r, y * r)));
    context.closePath();
  };
  const around = (corners, inner = 1) =>
    Array.from({ length: inner < 1 ? 2 * corners : corners }, (_, number) => {
      const angle = (2 * Math.PI * number) / (inner < 1 ? 2 * corners : corners) - Math.PI / 2;
      const far = inner < 1 && number % 2 ? inner : 1;
      return [far * Math.cos(angle), far * Math.sin(angle)];
    });
  const plus = [
    [-1, -3],
    [1, -3],
    [1, -1],
    [3, -1],
    [3, 1],
    [1, 1],
    [1, 3],
    [-1, 3],
    [-1, 1],
    [-3, 1],
    [-3, -1],
    [-1, -1],
  ];
  context.beginPath();
  if (marker === "o") context.arc(0, 0, r, 0, 2 * Math.PI);
  else if (marker === "s") context.rect(-0.9 * r, -0.9 * r, 1.8 * r, 1.8 * r);
  else if (marker === "h") polygon(around(6));
  else if (marker === "p") polygon(around(5));
  else if (marker === "*") polygon(around(5, 0.42));
  else if (marker === "d")
    polygon([
      [0, -1],
      [0.62, 0],
      [0, 1],
      [-0.62, 0],
    ]);
  else if (marker === "^")
    polygon([
      [0, -1],
      [1, 0.85],
      [-1, 0.85],
    ]);
  else if (marker === "v")
    polygon([
      [0, 1],
      [1, -0.85],
      [-1, -0.85],
    ]);
  else if (marker === "<")
    polygon([
      [-1, 0],
      [0.85, -1],
      [0.85, 1],
    ]);
  else if (marker === ">")
    polygon([
      [1, 0],
      [-0.85, -1],
      [-0.85, 1],
    ]);
  else if (marker === "P") polygon(plus.map(([x, y]) => [x / 3, y / 3]));
  else if (marker === "X") polygon(plus.map(([x, y]) => [(x - y) / 4, (x + y) / 4]));
  else throw new Error(`no symbol for the marker ${marker}`);
}

// The symbol of a kind on a canvas of its own; across: its width in pixels of the screen.
function makeGlyph(kind, across) {
  // The edge of a small filled symbol would swallow its colour; that of an empty one is all there is to see.
  const line = Math.min(Math.max(0.11 * across, kind.face === "#FFFFFF" ? 0.9 : 0.35), 2.5);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = Math.ceil(across + line) + 2;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.translate(canvas.width / 2, canvas.height / 2);
  traceGlyph(context, kind.marker, across / 2);
  context.lineJoin = "round";
  context.lineWidth = line;
  context.fillStyle = kind.face;
  context.strokeStyle = kind.edge;
  context.fill();
  context.stroke();
  return canvas;
}

// The pixels of a symbol: where each lies on a sheet of `columns` pixels a row, those that cover fully and those that do not.
export function stampOf(symbol, columns) {
  if (symbol.stamp && symbol.stamp.columns === columns) return symbol.stamp;
  const size = symbol.width;
  const pixels = new Uint32Array(symbol.getContext("2d").getImageData(0, 0, size, size).data.buffer);
  const full = [];
  const soft = [];
  pixels.forEach((colour, at) => {
    const alpha = colour >>> 24;
    if (alpha) (alpha === 255 ? full : soft).push([Math.floor(at / size) * columns + (at % size), colour]);
  });
  const part = (list, place) => Int32Array.from(list, (entry) => entry[place]);
  symbol.stamp = {
    columns,
    full: part(full, 0),
    fullColour: part(full, 1),
    soft: part(soft, 0),
    softColour: part(soft, 1),
  };
  return symbol.stamp;
}

// A sheet of pixels onto which thousands of symbols are stamped: drawing each by the canvas takes ten times as long.
// Around it lies a margin, so that symbols at the edge need no clipping.
export function stampSheet() {
  let canvas = null;
  let image = null;
  let pixels = null;
  let margin = 0;
  return {
    start(width, height, wanted) {
      if (!canvas || image.width !== width + 2 * wanted || image.height !== height + 2 * wanted) {
        margin = wanted;
        canvas = document.createElement("canvas");
        canvas.width = width;
        canvas.height = height;
        image = new ImageData(width + 2 * margin, height + 2 * margin);
        pixels = new Int32Array(image.data.buffer);
      } else pixels.fill(0);
    },
    get columns() {
      return image.width;
    },
    put(stamp, x, y) {
      const { full, fullColour, soft, softColour } = stamp;
      const start = (y + margin) * image.width + x + margin;
      for (let i = 0; i < full.length; i++) pixels[start + full[i]] = fullColour[i];
      for (let i = 0; i < soft.length; i++) {
        const at = start + soft[i];
        pixels[at] = layOver(pixels[at], softColour[i]);
      }
    },
    finish(context) {
      canvas.getContext("2d").putImageData(image, -margin, -margin, margin, margin, canvas.width, canvas.height);
      context.drawImage(canvas, 0, 0);
    },
  };
}

// Remembers the symbols: get(kind, across) for sizes in steps of half a pixel.
export function glyphStore() {
  const known = new Map();
  return (kind, across) => {
    const size = Math.max(Math.round(2 * across) / 2, 1.5);
    const name = `${kind.marker} ${kind.face} ${kind.edge} ${size}`;
    if (!known.has(name)) {
      if (known.size > 600) known.clear();
      known.set(name, makeGlyph(kind, size));
    }
    return known.get(name);
  };
}
