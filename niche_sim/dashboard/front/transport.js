// Play, Pause, Step, Reset, the clock, and what the sequence waits for. Plain data in, actions out; knows no server.

import { make, makeButton } from "./dom.js";
import { formatClock } from "./formatting.js";

const SPEEDS = [
  [1, "1 h per frame"],
  [3, "3 h per frame"],
  [6, "6 h per frame"],
  [24, "1 day per frame"],
];

// actions: play(), pause(), step(hours), reset(), speed(hours); where only some moments are there, as in a replay, also lengths and
// speeds, [[hours, text]] as above
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
  const limits = make("div", "ns-limits");
  limits.setAttribute("aria-live", "polite");
  el.append(play, step, length, reset, clock, speed, limits);

  return {
    showTime: (hours) => (clock.textContent = formatClock(hours)),
    // now: time_h, duration_h, playing, hours (a frame)
    update(now) {
      playing = now.playing;
      play.textContent = playing ? "Pause" : "Play";
      step.disabled = playing || now.time_h >= now.duration_h;
      speed.value = String(now.hours);
    },
    // strips: of each run its name, where there are several, and the sentence about its limiting stage
    setLimits(strips) {
      while (limits.children.length < strips.length) limits.append(make("p", "ns-limit"));
      while (limits.children.length > strips.length) limits.lastChild.remove();
      strips.forEach((strip, run) => {
        const text = (strip.name ? `${strip.name}: ` : "") + strip.limit;
        const line = limits.children[run];
        if (line.textContent !== text) line.textContent = line.title = text;
      });
    },
  };
}
