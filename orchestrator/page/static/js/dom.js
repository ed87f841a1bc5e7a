// Elements. Text only ever becomes text: nothing here parses markup.

/**
 * Make an element.
 * Properties: `class`, `data` (an object), `on` (listeners by event), `style` (an object), everything else an attribute.
 * A property or child that is null, undefined or false is left out.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) set(element, name, value);
  element.append(...present(children));
  return element;
}

/** As `h`, for SVG. */
export function svg(tag, properties = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties)) if (value !== null && value !== undefined) element.setAttribute(name, value);
  element.append(...present(children));
  return element;
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "class") element.className = value;
  else if (name === "data") Object.assign(element.dataset, value);
  else if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
  else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
  else element.setAttribute(name, value === true ? "" : value);
}

function present(children) {
  return children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false);
}

/** Set the text of an element, only if it has changed, so that a selection survives. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Make the children of `parent` those of `items`, in order. Elements are kept by key, so focus and selection survive.
 */
export function keyed(parent, items, keyOf, create, update) {
  const known = parent.keyed ??= new Map();
  const seen = new Set();
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    seen.add(key);
    let element = known.get(key);
    if (!element) known.set(key, element = create(item));
    update(element, item);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const [key, element] of known) {
    if (seen.has(key)) continue;
    element.remove();
    known.delete(key);
  }
}

/** Tell people who use a screen reader. */
export function announce(text) {
  say(document.getElementById("announcer"), text);
}

const ICONS = {
  theme: "M12 3a9 9 0 1 0 0 18V3z M12 3a9 9 0 0 1 0 18",
  key: "M14 10a4 4 0 1 1-3.6 5.7L4 22l-1-3 7.3-7.3A4 4 0 0 1 14 10z",
  help: "M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.2-1.5 2.4 M12 17.5v.5",
  close: "M6 6l12 12 M18 6L6 18",
  copy: "M9 9h10v10H9z M5 15V5h10",
  download: "M12 4v11 M7 11l5 5 5-5 M5 20h14",
  cancel: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z M8.5 8.5l7 7",
  retry: "M20 12a8 8 0 1 1-2.5-5.8 M20 3v4h-4",
  fit: "M4 9V4h5 M15 4h5v5 M20 15v5h-5 M9 20H4v-5",
  plus: "M12 5v14 M5 12h14",
  minus: "M5 12h14",
  up: "M12 19V6 M6 12l6-6 6 6",
};

/** A line icon that screen readers skip. */
export function icon(name) {
  return svg("svg", {viewBox: "0 0 24 24", class: "glyph", "aria-hidden": "true"}, svg("path", {d: ICONS[name]}));
}
