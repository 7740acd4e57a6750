// A panel in a sentence, for those who do not see it.

import { formatNumber } from "./formatting.js";

// given: a panel of a frame; shown: which kinds of cells are; lookOf(name): of a field
export function panelSummary(section, given, shown, lookOf) {
  const fields = given.fields.map((field) => {
    const { label, unit } = lookOf(field.name);
    if (field.difference) return `difference in ${label}`;
    let most = 0;
    for (let i = 0; i < field.values.length; i++) if (field.values[i] > most) most = field.values[i];
    const value = field.low + (most / 255) * (field.high - field.low);
    return `${label} up to ${formatNumber(value, field.high - field.low)} ${unit}`;
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
