// What people do to tasks: cancel, retry, and what is shown when that fails.
import {ask, json, taskPath} from "./api.js";
import {announce, h, icon} from "./dom.js";

/** Run `work` with the button switched off; say what went wrong. */
export async function acting(element, work) {
  element.disabled = true;
  try {
    await work();
  } catch (error) {
    notice(error);
  } finally {
    element.disabled = false;
  }
}

/** Show an error until it is dismissed. */
export function notice(error) {
  const box = h("div", {class: "notice", role: "alert"}, h("span", {}, error.message, error.fix ? h("em", {}, ` ${error.fix}`) : ""),
    h("button", {type: "button", class: "icon", "aria-label": "Dismiss", on: {click: () => box.remove()}}, icon("close")));
  document.querySelectorAll(".notice").forEach(other => other.remove());
  document.body.append(box);
}

export async function cancel(id) {
  await ask(taskPath(id), {method: "DELETE", parameters: {reason: "cancelled on the page"}});
  announce("Cancelled");
}

/** Run an ended task again, all that failed or everything behind a step, and show the new task. */
export async function retry(id, step) {
  const task = await json(`${taskPath(id)}:retry`, {method: "POST", parameters: {from_step: step}});
  location.hash = `#/tasks/${encodeURIComponent(task.id)}`;
}
