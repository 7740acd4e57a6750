// Where the panels look: the middle of what they show (um) and the scale (pixels of the page per um). All panels share it.

const CLOSEST = 6; // pixels of the page per um, at most

// Nothing is known of the section before `fit`; until then `view` is null, and nothing moves.
export function buildCamera() {
  let view = null; // {x, y, scale}
  let size = null; // of a panel, pixels of the page, and of the section, um
  let whole = 1; // the scale at which all of the section is seen

  const clamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));
  const bounded = (scale) => clamp(scale, whole, CLOSEST);

  const camera = {
    get view() {
      return view && { ...view };
    },
    get whole() {
      return whole;
    },
    get zoomed() {
      return Boolean(view) && view.scale > whole * 1.001;
    },
    // wanted: null for the whole section
    look(wanted) {
      view = wanted && { ...wanted };
    },
    // A picture of another size shows the same part of the section.
    fit(section, width, height) {
      size = { width, height, section };
      const before = whole;
      whole = width / section.width_um;
      if (view) view.scale *= whole / before;
      camera.keepInside();
    },
    keepInside() {
      const { width, height, section } = size;
      if (!view) view = { x: section.width_um / 2, y: section.height_um / 2, scale: whole };
      view.scale = bounded(view.scale);
      const half = { x: width / view.scale / 2, y: height / view.scale / 2 };
      view.x = clamp(view.x, half.x, section.width_um - half.x);
      view.y = clamp(view.y, half.y, section.height_um - half.y);
    },
    // at: a place of a panel, in pixels of the page, that stays where it is; its middle if left out.
    zoom(by, at) {
      if (!view) return;
      const place = at || { x: size.width / 2, y: size.height / 2 };
      const before = camera.toTissue(place);
      view.scale = bounded(view.scale * by);
      view.x = before.x - (place.x - size.width / 2) / view.scale;
      view.y = before.y - (place.y - size.height / 2) / view.scale;
    },
    // By so many pixels of the page, or by so large a part of what is seen.
    drag(x, y) {
      view.x -= x / view.scale;
      view.y -= y / view.scale;
    },
    shift(x, y) {
      camera.drag(-x * size.width, -y * size.height);
    },
    // So far that a place of the section (um) is not at the edge of what is seen.
    follow(at) {
      const half = { x: (0.46 * size.width) / view.scale, y: (0.46 * size.height) / view.scale };
      view.x = clamp(view.x, at.x - half.x, at.x + half.x);
      view.y = clamp(view.y, at.y - half.y, at.y + half.y);
      camera.keepInside();
    },
    toTissue(place) {
      return {
        x: view.x + (place.x - size.width / 2) / view.scale,
        y: view.y + (place.y - size.height / 2) / view.scale,
      };
    },
    toPage(at) {
      return { x: (at.x - view.x) * view.scale + size.width / 2, y: (at.y - view.y) * view.scale + size.height / 2 };
    },
  };
  return camera;
}
