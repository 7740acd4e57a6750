// Where the panels look: the middle of what they show (um) and the scale (pixels of the page per um). All panels share it.

const CLOSEST = 6; // pixels of the page per um, at most

// Nothing is known of the section before `fit`; until then `view` is null, and nothing moves.
export function buildCamera() {
  let view = null; // {x, y, scale}
  let size = null; // of a panel, pixels of the page, and of the section, um
  let whole = 1; // the scale at which all of the section is seen
  let filling = 1; // and that at which it fills the panel
  let kept = "filling"; // or "whole": what is to be seen in a panel of another size, too; null once it was zoomed or moved

  const clamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));
  const bounded = (scale) => clamp(scale, whole, CLOSEST);

  const inside = (value, half, all) => (2 * half >= all ? all / 2 : clamp(value, half, all - half));

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
    // wanted: a view; "whole" for all of the section; null for as much of it as fills the panel
    look(wanted) {
      kept = wanted === "whole" ? "whole" : wanted ? null : "filling";
      view = kept ? null : { ...wanted };
    },
    // A picture of another size shows the same part of the section.
    fit(section, width, height) {
      size = { width, height, section };
      const before = whole;
      const fits = [width / section.width_um, height / section.height_um];
      const alike = Math.abs(fits[0] / fits[1] - 1) < 0.01; // a panel of the section's shape, in whole pixels
      whole = alike ? fits[0] : Math.min(...fits);
      filling = alike ? fits[0] : Math.max(...fits);
      if (kept) view = null;
      else if (view) view.scale *= whole / before;
      camera.keepInside();
    },
    keepInside() {
      const { width, height, section } = size;
      if (!view)
        view = { x: section.width_um / 2, y: section.height_um / 2, scale: kept === "whole" ? whole : filling };
      view.scale = bounded(view.scale);
      const half = { x: width / view.scale / 2, y: height / view.scale / 2 };
      view.x = inside(view.x, half.x, section.width_um);
      view.y = inside(view.y, half.y, section.height_um);
    },
    // at: a place of a panel, in pixels of the page, that stays where it is; its middle if left out.
    zoom(by, at) {
      if (!view) return;
      kept = null;
      const place = at || { x: size.width / 2, y: size.height / 2 };
      const before = camera.toTissue(place);
      view.scale = bounded(view.scale * by);
      view.x = before.x - (place.x - size.width / 2) / view.scale;
      view.y = before.y - (place.y - size.height / 2) / view.scale;
    },
    // By so many pixels of the page, or by so large a part of what is seen.
    drag(x, y) {
      kept = null;
      view.x -= x / view.scale;
      view.y -= y / view.scale;
    },
    shift(x, y) {
      camera.drag(-x * size.width, -y * size.height);
    },
    // So far that a place of the section (um) is not at the edge of what is seen.
    follow(at) {
      kept = null;
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
