// The shell: which view is shown, keyboard shortcuts, theme, API key.
import {announce, h, icon} from "./dom.js";
import {forgetKey, storedKey} from "./key.js";

const VIEWS = {
  tasks: {title: "Tasks", load: () => import("./tasks.js")},
  task: {title: "Task", load: () => import("./task.js")},
  learner: {title: "Learner", load: () => import("./learner.js")},
  cluster: {title: "Cluster", load: () => import("./cluster.js")},
};
const SHORTCUTS = [
  ["/", "Search"], ["g t", "Tasks"], ["g l", "Learner"], ["g c", "Cluster"], ["1 … 5", "Timeline, graph, steps, plans, logs of a task"],
  ["← → ↑ ↓", "Move between attempts or steps"], ["Enter", "Open the selected step"], ["+ − 0", "Zoom in, out, to fit"],
  ["Esc", "Close the step"], ["?", "This list"],
];

const main = document.getElementById("view");
let shown = null;

/** The place in the hash: `#/tasks/ID?tab=graph` is `{name: "task", id, parameters}`. */
function place() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [first = "", id] = path.split("/").map(decodeURIComponent);
  const parameters = Object.fromEntries(new URLSearchParams(query));
  if (first === "tasks" && id) return {name: "task", id, parameters};
  return {name: first in VIEWS && first !== "task" ? first : "tasks", id: null, parameters};
}

async function navigate() {
  const {name, id, parameters} = place();
  if (shown?.name === name && shown.id === id) {
    shown.view?.moved?.(parameters);
    return;
  }
  shown?.view?.close?.();
  const mine = shown = {name, id, view: null};
  for (const link of document.querySelectorAll("nav a[data-view]")) {
    if (link.dataset.view === name || (name === "task" && link.dataset.view === "tasks")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${VIEWS[name].title} · Forerun`;
  try {
    const {open} = await VIEWS[name].load();
    if (shown !== mine) return;
    main.replaceChildren();
    mine.view = open(main, parameters, id);
    announce(VIEWS[name].title);
  } catch (error) {
    if (shown === mine) main.replaceChildren(h("p", {class: "empty error"}, `The page could not be loaded: ${error.message}. Reload it.`));
  }
}

// ---- theme

function setTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  document.dispatchEvent(new Event("theme"));
}

function storedTheme() {
  try { return localStorage.getItem("forerun-theme") ?? "auto"; } catch { return "auto"; }
}

function nextTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const order = dark ? ["auto", "light", "dark"] : ["auto", "dark", "light"];
  const theme = order[(order.indexOf(storedTheme()) + 1) % order.length];
  try { localStorage.setItem("forerun-theme", theme); } catch { /* it lasts until the page is closed */ }
  setTheme(theme);
  announce(`Colour theme: ${theme}`);
}

// ---- keyboard

let pending = "";

function typing(target) {
  return target.closest?.("input, select, textarea, dialog, [contenteditable]");
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || typing(event.target)) return;
  const combination = pending + event.key;
  pending = event.key === "g" ? "g " : "";
  const target = {"g t": "#/tasks", "g l": "#/learner", "g c": "#/cluster"}[combination];
  if (target) location.hash = target;
  else if (event.key === "?") help();
  else if (event.key === "/") main.querySelector("input[type=search]")?.focus();
  else { shown?.view?.key?.(event); return; }
  event.preventDefault();
}

function help() {
  const box = h("dialog", {class: "help", "aria-labelledby": "help-title"},
    h("h2", {id: "help-title"}, "Keyboard shortcuts"),
    h("dl", {}, SHORTCUTS.map(([keys, text]) => h("div", {}, h("dt", {}, keys.split(" ").map(key => h("kbd", {}, key))), h("dd", {}, text)))),
    h("form", {method: "dialog", class: "actions"}, h("button", {class: "primary"}, "Close")));
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
}

function keyButton() {
  const button = document.getElementById("key-button");
  const show = () => { button.hidden = !storedKey(); };
  button.append(icon("key"));
  button.title = "Forget the API key";
  button.setAttribute("aria-label", button.title);
  button.addEventListener("click", () => { forgetKey(); location.reload(); });
  document.addEventListener("key", show);
  show();
}

setTheme(storedTheme());
document.getElementById("theme-button").append(icon("theme"));
document.getElementById("theme-button").addEventListener("click", nextTheme);
document.getElementById("help-button").append(icon("help"));
document.getElementById("help-button").addEventListener("click", help);
keyButton();
addEventListener("hashchange", navigate);
addEventListener("keydown", pressed);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.dispatchEvent(new Event("theme")));
navigate();
