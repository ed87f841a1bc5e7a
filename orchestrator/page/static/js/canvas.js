// What the canvases share: size, theme colours, one redraw a frame, pointers that pan and zoom.
import {KINDS} from "./worker/kinds.js";

/** The colours of the theme by name; `kinds` by number. */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  const colour = name => style.getPropertyValue(`--${name}`).trim();
  const names = ["paper", "card", "ink", "soft", "line", "wash", "accent", "arrival", "focus", "waiting", "failed", "running"];
  return {...Object.fromEntries(names.map(name => [name, colour(name)])), kinds: KINDS.map(kind => colour(kind.name)), sans: colour("sans")};
}

/** A canvas that fills its parent, drawn by `draw(context, width, height, colours)` at most once a frame. */
export class Canvas {
  constructor(element, draw) {
    this.element = element;
    this.draw = draw;
    this.context = element.getContext("2d", {alpha: false});
    this.colours = palette();
    this.width = this.height = 0;
    this.asked = 0;
    this.sized = new ResizeObserver(() => this.resize());
    this.sized.observe(element);
    this.themed = () => { this.colours = palette(); this.ask(); };
    document.addEventListener("theme", this.themed);
  }

  resize() {
    const box = this.element.getBoundingClientRect();
    const ratio = Math.min(devicePixelRatio || 1, 2);
    this.width = box.width;
    this.height = box.height;
    this.element.width = Math.max(1, Math.round(box.width * ratio));
    this.element.height = Math.max(1, Math.round(box.height * ratio));
    this.ratio = ratio;
    this.onresize?.();
    this.ask();
  }

  /** Draw with the next frame. */
  ask() {
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = 0;
      if (!this.width || !this.height) return;
      this.context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
      this.draw(this.context, this.width, this.height, this.colours);
    });
  }

  close() {
    cancelAnimationFrame(this.asked);
    this.sized.disconnect();
    document.removeEventListener("theme", this.themed);
  }
}

/**
 * Call `pan(dx, dy)`, `zoom(factor, x, y)`, `tap(x, y)` and `hover(x, y)` (null when it leaves) for mouse, pen and fingers.
 * With one finger only horizontal movements pan where `vertical` is false, so that the page still scrolls.
 */
export function pointers(element, {pan, zoom, tap, hover}) {
  const down = new Map();
  let moved = false;
  const at = event => {
    const box = element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  element.addEventListener("pointerdown", event => {
    down.set(event.pointerId, at(event));
    moved = false;
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", event => {
    const now = at(event);
    const before = down.get(event.pointerId);
    if (!before) {
      hover(...now);
      return;
    }
    const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    if (!moved && Math.hypot(dx, dy) < 4) return;
    moved = true;
    if (down.size === 2) {
      const [other] = [...down].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      const length = ([x, y]) => Math.max(10, Math.hypot(x - other[0], y - other[1]));
      zoom(length(now) / length(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else pan(dx, dy);
    down.set(event.pointerId, now);
  });
  const up = event => {
    if (down.delete(event.pointerId) && !moved && event.type === "pointerup") tap(...at(event));
  };
  element.addEventListener("pointerup", up);
  element.addEventListener("pointercancel", up);
  element.addEventListener("pointerleave", () => { if (!down.size) hover(null, null); });
}

/** A text that is at most `width` pixels wide. */
export function fitted(context, text, width, perCharacter) {
  const most = Math.floor(width / perCharacter);
  if (most < 2) return "";
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
