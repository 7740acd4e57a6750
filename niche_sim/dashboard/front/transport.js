// Time: Play, Pause, Step, Reset, the clock, and a scrubber that goes back. Plain data in, actions out; knows no server.

import { make, makeButton } from "./dom.js";
import { formatClock } from "./formatting.js";

const SPEEDS = [
  [1, "1 h a picture"],
  [3, "3 h a picture"],
  [6, "6 h a picture"],
  [24, "1 day a picture"],
];

// actions: play(), pause(), step(hours), reset(), seek(hours), speed(hours); where only some moments are there, as in a replay,
// also lengths and speeds, [[hours, text]] as above, and every: the hours from one moment to the next
export function buildTransport(el, actions) {
  el.classList.add("ns-transport");
  const button = (name, act) => makeButton("ns-button", name, act);
  const choice = (label, pairs) => {
    const made = document.createElement("select");
    made.setAttribute("aria-label", label);
    made.className = "ns-select";
    for (const [value, text] of pairs) made.add(new Option(text, value));
    return made;
  };

  let playing = false;
  const play = button("Play", () => (playing ? actions.pause() : actions.play()));
  play.classList.add("ns-play");
  const length = choice(
    "Length of a step",
    actions.lengths || [
      [1, "1 hour"],
      [24, "1 day"],
    ],
  );
  const step = button("Step", () => actions.step(Number(length.value)));
  const reset = button("Reset", () => actions.reset());
  const speed = choice("Speed", actions.speeds || SPEEDS);
  speed.addEventListener("change", () => actions.speed(Number(speed.value)));
  const clock = make("output", "ns-clock");
  clock.setAttribute("aria-live", "off");

  const track = make("div", "ns-scrubber");
  const marks = make("div", "ns-scrubber-marks");
  marks.setAttribute("aria-hidden", "true");
  const scrubber = document.createElement("input");
  scrubber.type = "range";
  scrubber.min = 0;
  scrubber.step = actions.every || 1;
  scrubber.setAttribute("aria-label", "Time of the run");
  track.append(marks, scrubber);

  let held = false; // while the visitor drags, pictures that are still under way must not pull the thumb back
  let asked = null;
  scrubber.addEventListener("input", () => {
    held = true;
    clock.textContent = formatClock(Number(scrubber.value));
    if (asked === null) {
      asked = requestAnimationFrame(() => {
        asked = null;
        actions.seek(Number(scrubber.value));
      });
    }
  });
  for (const end of ["change", "blur", "pointerup"]) scrubber.addEventListener(end, () => (held = false));

  const row = make("div", "ns-row");
  const buttons = make("div", "ns-buttons");
  buttons.append(play, step, length, reset);
  row.append(buttons, clock, speed);
  el.append(row, track);

  let drawnMarks = "";
  return {
    // now: time_h, frontier_h, duration_h, playing, hours (a picture), marks [[time_h, kind, label]], onsets [[time_h, name]]
    update(now) {
      playing = now.playing;
      play.textContent = playing ? "Pause" : "Play";
      step.disabled = playing || now.time_h >= now.duration_h;
      speed.value = String(now.hours);
      scrubber.max = now.duration_h;
      if (!held) {
        scrubber.value = now.time_h;
        clock.textContent = formatClock(now.time_h);
      }
      scrubber.setAttribute("aria-valuetext", formatClock(Number(scrubber.value)));
      const share = (hours) => `${(100 * hours) / now.duration_h}%`;
      track.style.setProperty("--ns-frontier", share(now.frontier_h));
      track.style.setProperty("--ns-now", share(Number(scrubber.value)));
      const wanted = JSON.stringify([now.marks, now.onsets, now.duration_h]);
      if (wanted !== drawnMarks) {
        drawnMarks = wanted;
        marks.replaceChildren(
          ...now.marks.map(([time, kind, label]) => markAt(share(time), `ns-scrubber-mark ns-${kind}`, label)),
          ...now.onsets.map(([time, name]) => markAt(share(time), "ns-scrubber-mark ns-onset", `${name} begins`)),
        );
      }
    },
  };
}

function markAt(left, className, title) {
  const mark = make("span", className);
  mark.style.left = left;
  mark.title = title;
  return mark;
}
