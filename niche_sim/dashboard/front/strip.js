// The six stages of the sequence as they light up, each with the marker behind it, and the one that limits the rate.

import { make } from "./dom.js";

export function buildStrip(el) {
  el.classList.add("ns-strip");
  el.setAttribute("role", "group");
  const name = document.createElement("h3");
  const list = document.createElement("ol");
  const limit = make("p", "ns-limit");
  limit.setAttribute("aria-live", "polite");
  el.append(name, list, limit);
  let shown = "";

  return {
    // strip: {name of the run where there are several, limit: sentence, stages: [{name, story, marker, value, threshold, unit, state, when, hypothesis, limiting}]}
    // state: "waiting", "lit", "faded" or "unknown" (no threshold to tell by)
    update(strip) {
      const wanted = JSON.stringify(strip);
      if (wanted === shown) return;
      shown = wanted;
      name.textContent = strip.name || "";
      name.hidden = !strip.name;
      el.setAttribute("aria-label", `Stages of the sequence${strip.name ? `, ${strip.name}` : ""}`);
      if (limit.textContent !== strip.limit) limit.textContent = strip.limit;
      if (list.children.length !== strip.stages.length) {
        list.replaceChildren(...strip.stages.map((_, number) => stageCard(number)));
      }
      strip.stages.forEach((stage, number) => fillStage(list.children[number], stage));
    },
  };
}

// What happens in each stage, to be unfolded.
export function buildStories(el, stages) {
  const unfolded = make("details", "ns-stories");
  unfolded.append(make("summary", "", "What happens in each stage"), document.createElement("dl"));
  unfolded.lastChild.append(...stages.flatMap(storyOf));
  el.append(unfolded);
}

function storyOf(stage) {
  return [make("dt", "", titleOf(stage)), make("dd", "", stage.story)];
}

function titleOf(stage) {
  return stage.title + (stage.hypothesis ? " (hypothesis)" : "");
}

function stageCard(number) {
  const card = document.createElement("li");
  card.innerHTML =
    '<div class="ns-stage-head"><span class="ns-lamp" aria-hidden="true"></span><strong></strong></div>' +
    '<div class="ns-when"></div>' +
    '<div class="ns-gauge" aria-hidden="true"><i></i><b></b></div><div class="ns-marker"></div>';
  card.style.setProperty("--ns-colour", `var(--ns-stage-${number + 1})`);
  return card;
}

function fillStage(card, stage) {
  const put = (place, text) => {
    const found = card.querySelector(place);
    if (found.textContent !== text) found.textContent = text;
  };
  card.className = `ns-stage ns-${stage.state}${stage.limiting ? " ns-limiting" : ""}`;
  put("strong", titleOf(stage));
  put(".ns-when", stage.when);
  put(".ns-marker", stage.marker);
  // The gauge runs to twice the threshold, so that the line in its middle is what a stage has to pass.
  const share = stage.share === null ? 0 : Math.min(1, stage.share / 2);
  card.querySelector(".ns-gauge i").style.width = `${100 * share}%`;
  card.querySelector(".ns-gauge").style.visibility = stage.share === null ? "hidden" : "visible";
}
