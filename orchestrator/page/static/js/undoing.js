// How a task that has failed or was cancelled undoes what it has done.
import {h} from "./dom.js";
import {plural} from "./format.js";

/** What is left, what is undone, and what could not be undone. Null where nothing is undone. */
export function undoing(view, select) {
  const {undoing: now, failure} = view;
  if (!now) return null;
  const [undone, failed] = [now.undone, Object.entries(now.failed)];
  const step = id => h("button", {type: "button", class: "link", on: {click: () => select(id)}}, id);
  const goesOn = !failure && !["failed", "cancelled"].includes(view.status);
  if (!goesOn && !undone.length && !failed.length) return null;
  return h("section", {class: "box warn", "aria-label": "Undoing"},
    goesOn ? h("p", {}, h("b", {}, `Undoing, ${plural(now.left, "step")} left: `), now.reason) : "",
    undone.length ? h("p", {}, h("b", {}, "Undone: "), h("span", {class: "links inline"}, undone.map(step))) : "",
    failed.length ? h("div", {}, h("b", {}, "Not undone:"), h("ul", {}, failed.map(([id, reason]) => h("li", {}, step(id), ` ${reason}`)))) : "");
}
