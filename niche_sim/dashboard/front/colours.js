// Colours as numbers that ImageData understands (ABGR).

// 256 colours between the stops ("#rrggbb"), each as one number that ImageData understands.
export function colourTable(stops) {
  const table = new Uint32Array(256);
  const rgb = stops.map((stop) => [1, 3, 5].map((at) => parseInt(stop.slice(at, at + 2), 16)));
  const bytes = new Uint8Array(table.buffer);
  for (let i = 0; i < 256; i++) {
    const where = (i / 255) * (stops.length - 1);
    const first = Math.min(Math.floor(where), stops.length - 2);
    for (let c = 0; c < 3; c++) {
      bytes[4 * i + c] = Math.round(rgb[first][c] + (where - first) * (rgb[first + 1][c] - rgb[first][c]));
    }
    bytes[4 * i + 3] = 255;
  }
  return table;
}

// Lays a half-covering pixel (ABGR) over another one of the sheet.
export function layOver(below, above) {
  const cover = above >>> 24;
  const under = below >>> 24;
  if (!under) return above;
  const share = under * (255 - cover);
  const whole = 255 * cover + share;
  const mix = (shift) => ((255 * cover * ((above >>> shift) & 255) + share * ((below >>> shift) & 255)) / whole) | 0;
  return ((whole / 255) << 24) | (mix(16) << 16) | (mix(8) << 8) | mix(0);
}

// A bar for the colours of a scale, to be painted with a table.
export function colourBar() {
  const bar = document.createElement("canvas");
  bar.className = "ns-bar";
  bar.width = 256;
  bar.height = 1;
  bar.setAttribute("aria-hidden", "true");
  return bar;
}

export function paintBar(bar, table) {
  const image = new ImageData(256, 1);
  new Uint32Array(image.data.buffer).set(table);
  bar.getContext("2d").putImageData(image, 0, 0);
}
