// A panel in words, for those who do not see it, and the key below a map of differences.

// given: a panel of a frame; shown: which kinds of cells are; lookOf(name): of a field
function panelInWords(section, given, shown, lookOf) {
  const fields = given.fields.map((field) => {
    const { label, unit } = lookOf(field.name);
    if (field.difference) return `difference in ${label}`;
    let most = 0;
    for (let i = 0; i < field.values.length; i++) if (field.values[i] > most) most = field.values[i];
    const value = field.low + (most / 255) * (field.high - field.low);
    return `${label} up to ${sayNumber(value, field.high - field.low)} ${unit}`;
  });
  const cells = given.counts
    .map((count, kind) => [count, section.kinds[kind].label, shown[kind]])
    .filter(([count, , on]) => count && on)
    .sort((a, b) => b[0] - a[0])
    .map(([count, label]) => `${count.toLocaleString("en")} ${label}`);
  const size = `${section.width_um / 1000} by ${section.height_um / 1000} mm`;
  const words = [`${given.title ? `${given.title}: ` : ""}section of tissue, ${size}`];
  if (fields.length) words.push(`coloured by ${fields.join(", ")}`);
  if (cells.length) words.push(`cells: ${cells.join(", ")}`);
  if (given.colonies.length) words.push(`${given.colonies.length} colonies`);
  return `${words.join("; ")}.`;
}

// table: the colours; field: of the map; unit: of what differs
function drawKey(key, table, field, unit) {
  const bar = document.createElement("canvas");
  bar.className = "ns-bar";
  bar.width = 256;
  bar.height = 1;
  bar.setAttribute("aria-hidden", "true");
  const image = new ImageData(256, 1);
  new Uint32Array(image.data.buffer).set(table);
  bar.getContext("2d").putImageData(image, 0, 0);
  const ends = document.createElement("div");
  ends.className = "ns-ends";
  for (const text of [`${sayNumber(field.low, field.high)} (less)`, unit, `(more) +${sayNumber(field.high, field.high)}`]) {
    const part = document.createElement("span");
    part.textContent = text;
    ends.append(part);
  }
  key.replaceChildren(bar, ends);
}
