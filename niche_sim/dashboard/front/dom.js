// Elements of the page.

export function make(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

export function makeButton(className, text, act) {
  const made = make("button", className, text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

// An id that no other element of the page has; a page may hold several copies of this code.
export function freshId(name) {
  window.nicheSimIds = (window.nicheSimIds || 0) + 1;
  return `${name}-${window.nicheSimIds}`;
}
