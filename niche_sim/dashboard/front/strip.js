// The six stages of the sequence as they light up, each with the marker behind it, and the one that limits the rate.

function buildStrip(el) {
  el.classList.add("ns-strip");
  el.setAttribute("role", "group");
  el.setAttribute("aria-label", "Stages of the sequence");
  const list = document.createElement("ol");
  const limit = document.createElement("p");
  limit.className = "ns-limit";
  limit.setAttribute("aria-live", "polite");
  const stories = document.createElement("details");
  stories.append(document.createElement("summary"), document.createElement("dl"));
  stories.firstChild.textContent = "What happens in each stage";
  el.append(list, limit, stories);
  let shown = "";

  return {
    // strip: {limit: sentence, stages: [{name, story, marker, value, threshold, unit, state, when, hypothesis, limiting}]}
    // state: "waiting", "lit", "faded" or "unknown" (no threshold to tell by)
    update(strip) {
      const wanted = JSON.stringify(strip);
      if (wanted === shown) return;
      shown = wanted;
      if (limit.textContent !== strip.limit) limit.textContent = strip.limit;
      if (list.children.length !== strip.stages.length) {
        list.replaceChildren(...strip.stages.map((_, number) => stageCard(number)));
        stories.lastChild.replaceChildren(...strip.stages.flatMap(storyOf));
      }
      strip.stages.forEach((stage, number) => fillStage(list.children[number], stage));
    },
  };
}

function storyOf(stage) {
  const name = document.createElement("dt");
  name.textContent = titleOf(stage);
  const story = document.createElement("dd");
  story.textContent = stage.story;
  return [name, story];
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
