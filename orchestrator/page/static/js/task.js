// One task: its figures, and timeline, graph, steps, plans and logs of its run, kept up to date by a worker.
import {connected, taskPath} from "./api.js";
import {announce, h, icon, say} from "./dom.js";
import {Context} from "./context.js";
import {ago, dollars, labels, moment, number, percent, plural, seconds, words} from "./format.js";
import {failureDetails} from "./failure.js";
import {Graph} from "./graph.js";
import {Logs} from "./logs.js";
import {Inspector} from "./inspector.js";
import {keyFromUser, storedKey} from "./key.js";
import {Plans} from "./plans.js";
import {limitAnswer, partial, Questions} from "./questions.js";
import {Steps} from "./steps.js";
import {acting, cancel, retry} from "./task-actions.js";
import {Timeline} from "./timeline.js";
import {undoing} from "./undoing.js";
import {download} from "./download.js";

const TABS = [["timeline", "Timeline"], ["graph", "Graph"], ["steps", "Steps"], ["plans", "Plans"], ["logs", "Logs"], ["context", "Context"]];

export function open(main, parameters, id) {
  return new TaskPage(main, parameters, id);
}

class TaskPage {
  constructor(main, parameters, id) {
    this.id = id;
    this.parameters = parameters;
    this.run = null;
    this.graph = null;
    this.answers = new Map();
    this.build(main);
    const worker = this.worker = new Worker(new URL("./worker/worker.js", import.meta.url), {type: "module"});
    worker.addEventListener("message", ({data}) => this.message(data));
    worker.addEventListener("error", () => this.failed("This browser cannot run the page's worker", "Use a current browser."));
    worker.postMessage({type: "open", id, key: storedKey()});
    this.moved(parameters);
  }

  close() {
    this.worker.terminate();
    this.panel?.close();
    this.inspector.close();
    clearTimeout(this.ticking);
  }

  build(main) {
    this.name = h("h1", {}, "…");
    this.status = h("span", {class: "status"});
    this.code = h("code", {class: "id"}, this.id);
    this.when = h("span", {class: "soft"});
    this.labels = h("span", {class: "soft"});
    this.actions = h("span", {class: "actions"});
    this.figures = h("dl", {class: "figures"});
    this.alerts = h("div", {role: "status"});
    this.questions = new Questions(this.id, {select: step => this.go({step}), answered: view => this.head(view)});
    this.results = h("div");
    this.bar = h("span", {class: "meter"}, this.done = h("i"), this.doing = h("i", {class: "running"}));
    this.tabs = h("div", {class: "tabs", role: "tablist", "aria-label": "Parts of the task"}, TABS.map(([key, text]) =>
      h("button", {type: "button", role: "tab", id: `tab-${key}`, "aria-controls": "panel", data: {tab: key}, on: {click: () => this.go({tab: key}), keydown: event => this.tabKey(event)}}, text)));
    this.holder = h("div", {id: "panel", role: "tabpanel", class: "panel"});
    this.page = h("div", {class: "task"},
      h("div", {class: "task-head"}, h("div", {class: "task-name"}, this.name, h("div", {class: "task-line"}, this.status, this.code, copyButton(this.id), this.when, this.labels)), this.actions),
      this.alerts, this.questions.element, this.figures, this.bar, this.results);
    this.split = h("div", {class: "split"}, h("div", {class: "card flush main-card"}, this.tabs, this.holder));
    main.append(this.page, this.split);
    this.inspector = new Inspector(this.split, {
      id: this.id, close: () => this.go({step: ""}), select: step => this.go({step}), textOf: (path, most) => this.textOf(path, most),
      ended: () => this.run?.ended ?? false,
      showLogs: step => { this.tab = ""; this.go({tab: "logs", log: step}); },
    });
  }

  // ---- the address

  go(change) {
    const query = new URLSearchParams(Object.entries({...this.parameters, ...change}).filter(([, value]) => value));
    location.replace(`#/tasks/${encodeURIComponent(this.id)}${query.size ? `?${query}` : ""}`);
  }

  moved(parameters) {
    const before = this.parameters;
    this.parameters = parameters;
    const tab = TABS.some(([key]) => key === parameters.tab) ? parameters.tab : "timeline";
    if (tab !== this.tab) this.show(tab);
    const step = parameters.step ?? "";
    if (step) {
      this.inspector.open(step, {focus: before.step !== step});
      this.split.classList.add("open");
    } else {
      this.inspector.close();
      this.split.classList.remove("open");
      if (before.step) this.holder.querySelector("canvas, [role=grid]")?.focus();
    }
    this.choose(step);
  }

  choose(step) {
    if (step && this.graph) this.panel?.choose?.(this.graph.id.indexOf(step), false);
  }

  show(tab) {
    this.tab = tab;
    for (const button of this.tabs.children) {
      const selected = button.dataset.tab === tab;
      button.setAttribute("aria-selected", selected);
      button.tabIndex = selected ? 0 : -1;
      if (selected) this.tabs.scrollLeft = button.offsetLeft - this.tabs.clientWidth / 2;
    }
    this.holder.setAttribute("aria-labelledby", `tab-${tab}`);
    this.panel?.close();
    this.holder.replaceChildren();
    const Kind = {timeline: Timeline, graph: Graph, steps: Steps, plans: Plans, logs: Logs, context: Context}[tab];
    this.panel = new Kind(this.holder, {
      id: this.id, step: this.parameters.log,
      select: chosen => this.go({step: typeof chosen === "string" ? chosen : this.graph?.id[chosen]}),
    });
    this.panel.names = this.graph;
    if (this.run) this.panel.update({...this.run, graph: this.graph});
  }

  tabKey(event) {
    const move = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (!move) return;
    const at = TABS.findIndex(([key]) => key === this.tab);
    const next = TABS[(at + move + TABS.length) % TABS.length][0];
    this.go({tab: next, log: ""});
    this.tabs.querySelector(`[data-tab=${next}]`).focus();
    event.preventDefault();
  }

  key(event) {
    const tab = TABS[Number(event.key) - 1];
    if (tab) this.go({tab: tab[0]});
    else if (event.key === "Escape" && this.parameters.step) this.go({step: ""});
  }

  // ---- the worker

  message(data) {
    if (data.type === "run") this.update(data);
    else if (data.type === "connection") connected(data.fine, data.message ? new Error(data.message) : undefined);
    else if (data.type === "failed") this.failed(data.message, data.fix);
    else if (data.type === "json") {
      this.answers.get(data.ticket)?.(data);
      this.answers.delete(data.ticket);
    } else if (data.type === "unauthorized") {
      keyFromUser(data.key).then(key => this.worker.postMessage({type: "key", key}), error => this.failed(error.message, "Reload the page to enter one."));
    }
  }

  /** The text of a JSON document, read by the worker: `{text, left}` or `{error}`. */
  textOf(path, most) {
    return new Promise(resolve => {
      const ticket = this.ticket = (this.ticket ?? 0) + 1;
      this.answers.set(ticket, resolve);
      this.worker.postMessage({type: "json", ticket, path, most});
    });
  }

  failed(message, fix) {
    this.page.replaceChildren(h("div", {class: "empty"}, h("p", {class: "error"}, message), fix ? h("p", {}, fix) : ""));
    this.split.hidden = true;
  }

  update(run) {
    const first = !this.run;
    this.received = performance.now();
    if (run.graph) this.graph = run.graph;
    this.run = run;
    this.head(run.view);
    this.panel.names = this.graph;
    this.panel.update(run);
    if (first) this.choose(this.parameters.step);
    this.inspector.changed();
    if (run.ended && this.wasLive) announce(`The task has ${words(run.view.status)}`);
    this.wasLive = !run.ended;
    this.tick();
  }

  tick() {
    clearTimeout(this.ticking);
    if (this.run.ended) return;
    this.ticking = setTimeout(() => { this.clock(); this.tick(); }, 1000);
  }

  // ---- the head

  head(view) {
    say(this.name, view.name || view.kind || "Task");
    document.title = `${view.name || view.kind || view.id} · Forerun`;
    say(this.status, words(view.status));
    this.status.dataset.status = view.status;
    say(this.when, `submitted ${ago(view.submitted_at_s)}`);
    say(this.labels, labels(view));
    this.when.title = moment(view.submitted_at_s);
    const total = Math.max(1, view.steps.total);
    this.done.style.width = `${100 * view.steps.finished / total}%`;
    this.doing.style.width = `${100 * view.steps.running / total}%`;
    this.bar.dataset.status = view.status;
    this.showFigures(view);
    this.showAlerts(view);
    this.showActions(view);
  }

  clock() {
    const shown = this.figures.querySelector("[data-figure=took] dd");
    if (shown && !this.run.ended) say(shown, seconds(this.run.atS + (performance.now() - this.received) / 1000));
  }

  showFigures(view) {
    const waste = view.agent_s > 0 ? percent(view.wasted_s / view.agent_s, 1) : "–";
    const figures = [
      ["took", "Took", seconds(view.ended_s ?? this.run.atS)], ["steps", "Steps", `${view.steps.finished} of ${view.steps.total}`],
      ["first", "First agent", seconds(view.first_dispatch_s)], ["guess", "Speculative plan", seconds(view.speculative_plan_s)],
      ["plan", "Optimal plan", seconds(view.optimal_plan_s)], ["saved", "Saved", seconds(view.saved_s)],
      ["agents", "Agent time", seconds(view.agent_s)], ["waste", "Wasted", waste], ["cost", "Cost", dollars(view.usd)],
      ["similarity", "Similarity", number(view.similarity)], ["mode", "Mode", words(view.mode)],
    ];
    if (!this.figures.childElementCount) {
      this.figures.append(...figures.map(([key, title]) => h("div", {data: {figure: key}}, h("dt", {}, title), h("dd"))));
    }
    figures.forEach(([, , text], index) => say(this.figures.children[index].lastElementChild, text));
  }

  showAlerts(view) {
    this.questions.update(view);
    const key = JSON.stringify([view.failure, view.waiting.slice(0, 3), view.outputs, view.given_up, view.completions, view.notices, view.undoing, view.limits?.answers]);
    if (key === this.alertKey) return;
    this.alertKey = key;
    const blocked = view.waiting.filter(reason => !["parents", "list", "answer", "resolution", "task_limit"].includes(reason.kind));
    this.alerts.replaceChildren(...[
      view.failure ? h("section", {class: "box bad-box", "aria-label": "Failure"}, failureDetails(view.failure, {select: step => this.go({step})})) : null,
      undoing(view, step => this.go({step})),
      partial(view, step => this.go({step})),
      ...(view.limits?.answers ?? []).map(one => h("p", {class: "box"}, h("b", {}, "Limits: "), limitAnswer(one))),
      ...(view.notices ?? []).map(notice => h("p", {class: "box warn"}, h("b", {}, "Noticed: "), notice)),
      blocked.length ? h("details", {class: "box"}, h("summary", {}, `${plural(blocked.length, "step")} waiting: ${blocked[0].message}`),
        h("ul", {}, blocked.map(reason => h("li", {}, h("button", {type: "button", class: "link", on: {click: () => this.go({step: reason.step})}}, reason.step), ` ${reason.message}`)))) : null,
    ].filter(Boolean));
    const some = view.outputs && Object.keys(view.outputs).length;
    this.results.replaceChildren(some ? h("details", {class: "box"}, h("summary", {}, "Outputs"), this.outputs(view.outputs)) : "");
  }

  outputs(outputs) {
    const text = JSON.stringify(outputs, null, 2);
    return h("pre", {tabindex: 0}, text.length > 50000 ? `${text.slice(0, 50000)}\n… see GET ${taskPath(this.id)}` : text);
  }

  showActions(view) {
    // A task that undoes what it has done ends as soon as it can.
    const state = this.run.ended ? "ended" : view.undoing ? "undoing" : "live";
    if (this.actions.dataset.state === state) return;
    this.actions.dataset.state = state;
    const trace = h("button", {type: "button", on: {click: event => acting(event.currentTarget, () => download(taskPath(this.id, "trace"), `${this.id}.trace.json`))}}, icon("download"), "Trace");
    trace.title = "For ui.perfetto.dev or chrome://tracing";
    const stop = h("button", {type: "button", on: {click: event => acting(event.currentTarget, () => cancel(this.id))}}, icon("cancel"), "Cancel");
    const again = h("button", {type: "button", title: "Run it again and keep the finished work that still holds", on: {click: event => acting(event.currentTarget, () => retry(this.id))}}, icon("retry"), "Retry");
    this.actions.replaceChildren(...{ended: [again, trace], undoing: [trace], live: [stop, trace]}[state]);
  }
}

function copyButton(text) {
  const button = h("button", {type: "button", class: "icon small", "aria-label": "Copy the id", title: "Copy the id", on: {click: async () => {
    try {
      await navigator.clipboard.writeText(text);
      announce("Copied");
      button.title = "Copied";
    } catch {
      getSelection().selectAllChildren(button.previousElementSibling);
    }
  }}}, icon("copy"));
  return button;
}
