// The list of tasks: filters, pages, live figures, cancel and retry.
import {json, repeat} from "./api.js";
import {h, icon, keyed, say} from "./dom.js";
import {ago, dollars, labels, moment, plural, seconds, words} from "./format.js";
import {acting, cancel, retry} from "./task-actions.js";

const STATUSES = [["", "All"], ["planning", "Planning"], ["running", "Running"], ["in_doubt", "In doubt"],
  ["succeeded", "Succeeded"], ["failed", "Failed"], ["cancelled", "Cancelled"]];
const ENDED = new Set(["succeeded", "failed", "cancelled"]);
const PAGE = 50;
const REFRESH_MS = 2000;

export function open(main, parameters) {
  const view = new Tasks(main, parameters);
  view.follow();
  return view;
}

class Tasks {
  constructor(main, parameters) {
    this.parameters = parameters;
    this.search = h("input", {type: "search", placeholder: "Name, kind, id or label=value", "aria-label": "Search tasks",
      on: {input: () => this.later(() => this.go({text: this.search.value.trim(), before: ""}))}});
    this.filters = h("div", {class: "chips", role: "group", "aria-label": "Status"}, STATUSES.map(([value, text]) =>
      h("button", {type: "button", class: "chip", data: {status: value}, on: {click: () => this.go({status: value, before: ""})}}, text)));
    this.body = h("tbody");
    this.note = h("p", {class: "empty", role: "status"}, "Loading…");
    this.newest = h("a", {class: "button", href: "#/tasks"}, "Newest");
    this.older = h("a", {class: "button", href: "#/tasks"}, "Older");
    const heads = [["Task", ""], ["Status", ""], ["Progress", ""], ["First agent", "n"], ["Plan", "n"], ["Took", "n"], ["Saved", "n"], ["Cost", "n"], ["Submitted", "n"]];
    this.table = h("table", {class: "tasks"},
      h("thead", {}, h("tr", {}, heads.map(([text, kind]) => h("th", {scope: "col", class: kind}, text)), h("th", {scope: "col"}, h("span", {class: "visually-hidden"}, "Actions")))),
      this.body);
    main.append(h("div", {class: "head"}, h("h1", {}, "Tasks"), h("div", {class: "tools"}, this.search, this.filters)),
      h("div", {class: "card flush"}, this.table, this.note), h("nav", {class: "pager", "aria-label": "Pages"}, this.newest, this.older));
    this.moved(parameters);
  }

  follow() {
    this.asking?.abort();
    this.asking = new AbortController();
    repeat(signal => this.refresh(signal), REFRESH_MS, this.asking.signal);
  }

  close() {
    this.asking.abort();
    clearTimeout(this.timer);
  }

  /** The filters of the address have changed. */
  moved(parameters) {
    const changed = JSON.stringify(parameters) !== JSON.stringify(this.parameters);
    this.parameters = parameters;
    if (document.activeElement !== this.search) this.search.value = parameters.text ?? "";
    for (const chip of this.filters.children) chip.setAttribute("aria-pressed", chip.dataset.status === (parameters.status ?? ""));
    if (changed) this.follow();
  }

  go(change) {
    const query = new URLSearchParams(Object.entries({...this.parameters, ...change}).filter(([, value]) => value));
    location.hash = `#/tasks${query.size ? `?${query}` : ""}`;
  }

  later(work) {
    clearTimeout(this.timer);
    this.timer = setTimeout(work, 250);
  }

  async refresh(signal) {
    const {status, text, before} = this.parameters;
    const page = await json("v1/tasks", {parameters: {limit: PAGE, status, before, ...sought(text)}, signal});
    keyed(this.body, page.tasks, task => task.id, () => row(), fill);
    this.table.hidden = !page.tasks.length;
    this.note.hidden = page.tasks.length > 0;
    const filtered = status || text || before;
    say(this.note, filtered ? "No task matches." : "No tasks yet. Submit one: forerun submit FILE");
    const address = more => `#/tasks?${new URLSearchParams(Object.entries({status, text, before: more}).filter(([, value]) => value))}`;
    this.newest.hidden = !before;
    this.newest.href = address("");
    this.older.hidden = !page.next_before;
    this.older.href = address(page.next_before ?? "");
  }
}

function row() {
  const cells = {};
  const cell = (name, label, kind = "") => cells[name] = h("td", {class: kind, data: {label}});
  cells.link = h("a", {class: "name"});
  cells.id = h("code", {class: "id"});
  cells.labels = h("span", {class: "soft labels"});
  cells.failure = h("span", {class: "reason"});
  cells.status = h("span", {class: "status"});
  cells.bar = h("span", {class: "meter"}, cells.done = h("i"), cells.running = h("i", {class: "running"}));
  cells.steps = h("span", {class: "n"});
  cells.actions = h("td", {class: "act"});
  const element = h("tr", {},
    h("td", {class: "main"}, cells.link, cells.id, cells.labels, cells.failure), h("td", {data: {label: "Status"}}, cells.status),
    h("td", {class: "progress", data: {label: "Progress"}}, cells.bar, cells.steps),
    cell("first", "First agent", "n"), cell("plan", "Plan", "n"), cell("took", "Took", "n"), cell("saved", "Saved", "n"),
    cell("cost", "Cost", "n"), cell("age", "Submitted", "n"), cells.actions);
  element.cells_ = cells;
  return element;
}

function fill(element, task) {
  const cells = element.cells_;
  cells.link.href = `#/tasks/${encodeURIComponent(task.id)}`;
  say(cells.link, task.name || task.kind || "Task");
  say(cells.id, task.id);
  say(cells.labels, labels(task));
  cells.labels.hidden = !cells.labels.textContent;
  const why = reason(task);
  say(cells.failure, why);
  cells.failure.hidden = !why;
  cells.failure.dataset.tone = task.failure ? "bad" : "warn";
  say(cells.status, words(task.status));
  cells.status.dataset.status = task.status;
  const total = Math.max(1, task.steps.total);
  cells.done.style.width = `${100 * task.steps.finished / total}%`;
  cells.running.style.width = `${100 * task.steps.running / total}%`;
  cells.bar.dataset.status = task.status;
  say(cells.steps, `${task.steps.finished}/${task.steps.total}`);
  say(cells.first, seconds(task.first_dispatch_s));
  say(cells.plan, seconds(task.optimal_plan_s));
  say(cells.took, seconds(task.ended_s ?? Date.now() / 1000 - task.submitted_at_s));
  say(cells.saved, seconds(task.saved_s));
  cells.saved.classList.toggle("good", (task.saved_s ?? 0) > 0);
  say(cells.cost, dollars(task.usd));
  say(cells.age, ago(task.submitted_at_s));
  cells.age.title = moment(task.submitted_at_s);
  actions(cells.actions, task);
}

/** What the search box asks for: a label where it has the form of one, else a part of the name, kind or id. */
function sought(text) {
  return /^[A-Za-z0-9._/-]+=/.test(text ?? "") ? {label: text} : {text};
}

/** Why a task has failed, or what it needs of somebody. */
function reason(task) {
  if (task.failure) return task.failure.message;
  if (task.undoing && !ENDED.has(task.status)) return `undoing, ${plural(task.undoing.left, "step")} left: ${task.undoing.reason}`;
  const asks = task.waiting.find(one => one.kind === "answer");
  const [doubt] = task.in_doubt;
  if (doubt) return `step '${doubt.step}' is in doubt: ${doubt.reason}`;
  return asks ? `step '${asks.step}' is ${asks.message}` : task.limits?.asked[0]?.message ?? "";
}

/** Buttons that fit the state of a task; they are made anew only when the state changes. */
function actions(cell, task) {
  const state = ENDED.has(task.status) ? "ended" : task.undoing ? "undoing" : "live";
  if (cell.dataset.state === state) return;
  cell.dataset.state = state;
  const name = task.name || task.id;
  const offered = {
    ended: [button("retry", `Retry ${name}`, () => retry(task.id))],
    undoing: [],
    live: [button("cancel", `Cancel ${name}`, () => cancel(task.id))],
  };
  cell.replaceChildren(...offered[state]);
}

function button(glyph, label, work) {
  return h("button", {type: "button", class: "icon", "aria-label": label, title: label.split(" ")[0], on: {click: event => acting(event.currentTarget, work)}}, icon(glyph));
}
