// Plays moments that lie in the page itself: unpacks them, and tells the viewer, the charts and the table which one it is.

import { make } from "./dom.js";
import { formatClock, formatHours, formatReadout } from "./formatting.js";
import { inflate, momentBuffers, selectFields } from "./frames.js";
import { buildViewer } from "./viewer.js";

const FRAME_MS = 180; // from picture to picture while it plays

// packed: base64 of what the page tells, and of each moment.
export async function buildReplay(packed) {
  const wrong = document.getElementById("replay-wrong");
  try {
    if (!window.DecompressionStream) throw new Error("it is older than 2023 and cannot unpack the run");
    const given = JSON.parse(new TextDecoder().decode(await inflate(packed[0])));
    await runReplay(given, packed.slice(1));
  } catch (error) {
    wrong.hidden = false;
    wrong.textContent = `This browser cannot show the run: ${error.message}.`;
    console.error(error);
  }
}

async function runReplay(given, moments) {
  const { every_h: every, duration_h: duration, headers, runs, names } = given;
  const last = moments.length - 1;
  const theme = window.matchMedia("(prefers-color-scheme: dark)");
  let fields = given.fields;
  let at = 0; // number of the moment
  let stride = every;
  let playing = false;
  let timer = 0;
  let latest = 0; // so that a moment that took longer to unpack does not come after a later wish
  let onScreen = null; // the moment as unpacked

  const draw = () => {
    const { header, parts } = onScreen;
    const { panels, buffers } = selectFields(header, parts, fields);
    const marks = marksOfRuns(runs);
    const transport = {
      time_h: header.time_h,
      frontier_h: duration,
      duration_h: duration,
      playing,
      hours: stride,
      marks,
    };
    viewer.setFrame({ panels, transport, strips: header.strips }, buffers);
    captions(header.time_h);
    chartAt(header.time_h);
    tableAt(header.time_h);
  };
  const show = async (number) => {
    at = Math.min(Math.max(number, 0), last);
    const wish = ++latest;
    const parts = momentBuffers(headers[at].panels, await inflate(moments[at]));
    if (wish !== latest) return;
    onScreen = { header: headers[at], parts };
    draw();
  };
  const stop = () => {
    playing = false;
    clearTimeout(timer);
  };
  const advance = async () => {
    const began = performance.now();
    const next = Math.min(at + Math.round(stride / every), last);
    if (next === last) playing = false;
    await show(next);
    if (playing) timer = setTimeout(advance, Math.max(0, FRAME_MS - (performance.now() - began)));
  };
  const strides = [1, 2, 4, 8]
    .map((times) => times * every)
    .filter((hours) => hours === every || hours <= duration / 4);
  const viewer = buildViewer(
    document.getElementById("replay-viewer"),
    {
      fields,
      dark: theme.matches,
      onFields: (wanted) => {
        fields = wanted;
        if (onScreen) draw();
      },
      cardOf: ({ title, lines, unique_id: id }) => ({
        title,
        sentences: [
          `${formatClock(onScreen.header.time_h)}.`,
          ...lines,
          ...(id === null ? [] : [`Cell number ${id} of its population.`]),
        ],
        sections: [],
      }),
    },
    {
      lengths: strides.slice(0, 2).map((hours) => [hours, formatHours(hours)]),
      speeds: strides.map((hours) => [hours, `${formatHours(hours)} per frame`]),
      every,
      play: () => {
        if (at === last) show(0); // at the end it begins again
        playing = true;
        advance();
      },
      pause: () => {
        stop();
        draw();
      },
      step: (hours) => show(at + Math.round(hours / every)),
      reset: () => {
        stop();
        show(0);
      },
      seek: (hours) => {
        stop();
        show(Math.round(hours / every));
      },
      speed: (hours) => {
        stride = hours;
        draw();
      },
    },
  );

  const captionBox = document.getElementById("replay-captions");
  const captions = (time) => {
    const lines = runs.map(
      (run, number) => (runs.length > 1 ? `${names[number]}: ` : "") + captionAt(run.captions, time),
    );
    if (captionBox.dataset.shown === lines.join("\n")) return;
    captionBox.dataset.shown = lines.join("\n");
    captionBox.replaceChildren(...lines.map((text) => make("p", "", text)));
  };

  const chartBox = document.getElementById("replay-charts");
  chartBox.style.height = `${given.chart_height}px`;
  chartBox.setAttribute("aria-label", given.chart_summary);
  const chart = echarts.init(chartBox);
  let chartWish = 0;
  const chartAt = (time) => {
    cancelAnimationFrame(chartWish);
    chartWish = requestAnimationFrame(() => {
      const option = given.charts[theme.matches ? "dark" : "light"];
      for (const { markLine } of option.series) if (markLine) markLine.data[markLine.data.length - 1].xAxis = time / 24;
      chart.setOption(option, { notMerge: true });
    });
  };
  new ResizeObserver(() => chart.resize()).observe(chartBox);

  const table = document.getElementById("replay-table");
  const head = table.createTHead().insertRow();
  const headings = ["", ...names].map((text) => {
    const cell = document.createElement(text ? "th" : "td");
    if (text) cell.scope = "col";
    cell.textContent = text;
    head.append(cell);
    return cell;
  });
  const body = table.createTBody();
  const cells = given.readouts.map(({ name, title }) => {
    const row = body.insertRow();
    const label = document.createElement("th");
    label.scope = "row";
    label.textContent = title;
    row.dataset.readout = name;
    row.append(label);
    return runs.map(() => row.insertCell());
  });
  // The last row of the record that is not after the moment; the heading says when it was.
  const tableAt = (time) => {
    runs.forEach((run, number) => {
      const row = run.table.time_h.findLastIndex((when) => when <= time + 1e-9);
      headings[number + 1].textContent = `${names[number]} (${formatClock(run.table.time_h[row])})`;
      given.readouts.forEach(({ name }, place) => {
        const value = run.table[name][row];
        const cell = cells[place][number];
        cell.textContent = formatReadout(value);
      });
    });
  };

  viewer.setStatic(given.static);
  const recolour = () => {
    document.documentElement.classList.toggle("theme--dark", theme.matches);
    viewer.setDark(theme.matches);
    if (onScreen) chartAt(onScreen.header.time_h);
  };
  theme.addEventListener("change", recolour);
  await show(0);
  recolour();
  document.body.dataset.ready = "yes";
}

// What was done in all runs, [[time_h, kind, label]]; what was done in several at one time, once.
export function marksOfRuns([first, ...others]) {
  const isNew = ([time, , label]) => !first.marks.some((known) => known[0] === time && known[2] === label);
  return [...first.marks, ...others.flatMap((run) => run.marks.filter(isNew))];
}

// What was last done or began at a time; captions: [[time_h, text]], in the order of time.
export function captionAt(captions, time) {
  const when = captions.findLast(([begins]) => begins <= time + 1e-9)?.[0];
  const texts = captions.filter(([begins]) => begins === when).map(([, text]) => text);
  return texts.length ? `${formatClock(when)}: ${texts.join("; ")}` : "Nothing has been done yet.";
}
