// The time line: what is done to the mouse, the stages as lanes that fill as they are reached, and the days. The scrubber lies over
// all lanes. Plain data in, actions out; knows no server.

import { make, makeButton } from "./dom.js";
import { formatClock } from "./formatting.js";

const DAYS_BETWEEN = [1, 2, 5, 7, 14, 28, 56];
const MOST_DAYS = 10;

// actions: seek(hours), every: hours from one moment to the next. tell(card): shows what a stage is and how it stands.
export function buildTimeline(el, actions, tell) {
  el.classList.add("ns-timeline");
  el.setAttribute("role", "group");
  el.setAttribute("aria-label", "Stages of the sequence");
  const treatment = lane("div", "ns-treatment", make("span", "ns-lane-name", "Treatment"));
  const marks = treatment.track.appendChild(make("div", "ns-scrubber-marks"));
  const list = make("ol", "ns-stages");
  const receptive = lane("div", "ns-receptive", make("span", "ns-lane-name", "Receptive"));
  receptive.row.hidden = true;
  const days = lane("div", "ns-days", make("span", "ns-lane-name", "Day"));
  const scrubber = document.createElement("input");
  scrubber.type = "range";
  scrubber.min = 0;
  scrubber.step = actions.every || 1;
  scrubber.setAttribute("aria-label", "Time of the run");
  el.append(treatment.row, list, receptive.row, days.row, scrubber);

  let held = false; // while the visitor drags, pictures that are still under way must not pull the line back
  let asked = null;
  let onMove = () => {};
  let drawnMarks = "";
  let drawnCurves = "[]";
  let strips = [];
  let now = null;
  const share = (hours) => `${(100 * hours) / now.duration_h}%`;
  const mark = (left, className, title, text = "") => {
    const made = make("span", className, text);
    made.style.left = left;
    if (title) made.title = title;
    return made;
  };
  scrubber.addEventListener("input", () => {
    held = true;
    onMove(Number(scrubber.value));
    if (asked === null) {
      asked = requestAnimationFrame(() => {
        asked = null;
        actions.seek(Number(scrubber.value));
      });
    }
  });
  for (const end of ["change", "blur", "pointerup"]) scrubber.addEventListener(end, () => (held = false));

  function drawDays() {
    const all = now.duration_h / 24;
    const between = DAYS_BETWEEN.find((step) => all / step <= MOST_DAYS) || DAYS_BETWEEN.at(-1);
    const shown = [];
    for (let day = 0; day <= all; day += between) shown.push(mark(share(24 * day), "ns-day", "", String(day)));
    days.track.replaceChildren(...shown);
  }

  function drawStages() {
    const stages = strips[0]?.stages || [];
    if (list.children.length !== stages.length) list.replaceChildren(...stages.map(stageLane));
    stages.forEach((_, number) => fillStage(list.children[number], number));
  }

  function stageLane(stage, number) {
    const name = makeButton("ns-lane-name", stage.title, () =>
      tell(storyOf(strips.map((strip) => [strip, strip.stages[number]]))),
    );
    if (stage.hypothesis) name.append(make("small", "", " (hypothesis)"));
    const { row } = lane("li", "ns-stage", name);
    row.style.setProperty("--ns-colour", `var(--ns-stage-${number + 1})`);
    return row;
  }

  function fillStage(row, number) {
    const states = strips.map((strip) => strip.stages[number]);
    row.className = `ns-lane ns-stage ns-${states[0].state}${states[0].limiting ? " ns-limiting" : ""}`;
    const [name, track, told] = row.children;
    name.title = states.map((stage, run) => [strips[run].name, stage.marker].filter(Boolean).join(": ")).join("\n");
    while (track.children.length < states.length) track.append(make("i", "ns-reached"));
    while (track.children.length > states.length) track.lastChild.remove();
    states.forEach((stage, run) => {
      const bar = track.children[run];
      bar.hidden = stage.onset === null || stage.onset === undefined || stage.onset > now.time_h;
      if (bar.hidden) return;
      bar.className = `ns-reached ns-${stage.state}`;
      bar.style.left = share(stage.onset);
      bar.style.width = share(now.time_h - stage.onset);
    });
    const text =
      states.length > 1 ? states.map((stage) => stage.short.replace("since ", "")).join(" | ") : states[0].short;
    if (told.textContent !== text) told.textContent = text;
  }

  // The mean probability that a cell lodging then takes root, each run an area, on one scale from 0 to the largest.
  function drawReceptive(curves) {
    receptive.row.hidden = !curves.length;
    if (!curves.length) return;
    const most = Math.max(...curves.flatMap((curve) => curve.mean), 1e-9);
    receptive.track.replaceChildren(
      ...curves.map((curve, run) => {
        const area = make("i", run ? "ns-curve ns-other" : "ns-curve");
        area.style.clipPath = curveArea(curve, now.duration_h, most);
        return area;
      }),
    );
    receptive.row.title = curves
      .map(
        (curve) => `Mean probability that a cell lodging then takes root: at most ${inShort(Math.max(...curve.mean))}`,
      )
      .join("\n");
    const [first] = curves;
    const ends = first.receptive_h?.map((time) => inShort(time / 24));
    const told = ends ? `day ${ends[0]} to ${ends[1]}` : "at no time";
    receptive.row.lastChild.textContent = told;
  }

  return {
    // called with the hours that the scrubber is moved to
    set onMove(act) {
      onMove = act;
    },
    get held() {
      return held;
    },
    // given: time_h, frontier_h, duration_h, marks [[time_h, kind, label]]
    update(given) {
      now = given;
      scrubber.max = now.duration_h;
      if (!held) scrubber.value = now.time_h;
      scrubber.setAttribute("aria-valuetext", formatClock(Number(scrubber.value)));
      el.style.setProperty("--ns-frontier", String(now.frontier_h / now.duration_h));
      const wanted = JSON.stringify([now.marks, now.duration_h]);
      if (wanted !== drawnMarks) {
        drawnMarks = wanted;
        marks.replaceChildren(
          ...now.marks.map(([time, kind, label]) => mark(share(time), `ns-scrubber-mark ns-${kind}`, label)),
        );
        drawDays();
      }
      if (strips.length) drawStages();
    },
    // curves: of each run {time_h, mean, receptive_h}, none while they are computed or not shown
    setReceptive(curves) {
      const wanted = JSON.stringify(curves);
      if (!now || wanted === drawnCurves) return;
      drawnCurves = wanted;
      drawReceptive(curves);
    },
    // given: of each run {name, limit, stages: [{title, story, marker, state, when, short, onset, hypothesis, limiting}]}
    setStages(given) {
      strips = given;
      el.classList.toggle("ns-several", strips.length > 1);
      if (now) drawStages();
    },
  };
}

// What lies below a curve over the days, as a clip of a box: its largest value at the top.
export function curveArea(curve, duration, most) {
  const across = (time) => `${((100 * time) / duration).toFixed(2)}%`;
  const points = curve.time_h.map((time, n) => `${across(time)} ${(100 - (100 * curve.mean[n]) / most).toFixed(1)}%`);
  const [first, last] = [curve.time_h[0], curve.time_h.at(-1)].map(across);
  return `polygon(${first} 100%, ${points.join(", ")}, ${last} 100%)`;
}

const inShort = (value) => String(Number(value.toPrecision(2)));

function lane(tag, className, name) {
  const row = make(tag, `ns-lane ${className}`);
  const track = make("div", "ns-lane-track");
  row.append(name, track, make("span", "ns-when"));
  return { row, track };
}

// A card that tells a stage: how it stands in each run, then what happens in it.
function storyOf(runs) {
  const [, stage] = runs[0];
  const several = runs.length > 1;
  return {
    title: stage.title + (stage.hypothesis ? " (hypothesis)" : ""),
    sentences: [
      ...runs.flatMap(([strip, one]) => [`${several ? `${strip.name}: ` : ""}${one.when}. ${one.marker}.`]),
      stage.story,
    ],
    sections: [],
  };
}
