// Numbers, times and lengths as text.

// A number with as many digits as its scale deserves.
export function formatNumber(value, span) {
  const digits = Math.min(Math.max(Math.ceil(2 - Math.log10(span || 1)), 0), 5);
  const text = value.toFixed(digits).replace("-", "−");
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

export function formatClock(hours) {
  const day = Math.floor(hours / 24 + 1e-9);
  const rest = hours - 24 * day;
  const whole = Math.floor(rest + 1e-9);
  const minutes = Math.round(60 * (rest - whole));
  return `Day ${day}, ${String(whole).padStart(2, "0")}:${String(minutes).padStart(2, "0")}`;
}

// The length (um) and the text of a scale bar for a panel `width` pixels wide at `scale` pixels per um.
export function scaleBar(scale, width) {
  const most = Math.max(0.2 * width, 45);
  const length = [5, 10, 20, 50, 100, 200, 500, 1000, 2000].filter((step) => step * scale <= most).pop() || 5;
  return { length, text: length < 1000 ? `${length} µm` : `${length / 1000} mm` };
}

export function formatHours(hours) {
  if (hours % 24) return `${hours} h`;
  return hours === 24 ? "1 day" : `${hours / 24} days`;
}

// A value of a readout: whole numbers with separators, others with four digits; null where there is none.
export function formatReadout(value) {
  if (value === null) return "none";
  return Number.isInteger(value) ? value.toLocaleString("en") : String(Number(value.toPrecision(4)));
}
