// One step: why it waits, what went wrong, inputs, output, attempts, the gate's decision, both placements.
import {json, taskPath} from "./api.js";
import {h, icon} from "./dom.js";
import {bytes, dollars, node, number, percent, seconds, words} from "./format.js";
import {failureDetails} from "./failure.js";
import {lastLines} from "./logs.js";
import {acting, retry} from "./task-actions.js";

const REFRESH_MS = 700;
const TERMS = new Set(["question", "on_expiry", "on_rejection"]);

export class Inspector {
  constructor(parent, {id, close, select, textOf, showLogs, ended}) {
    Object.assign(this, {id, textOf, select, showLogs, ended});
    this.title = h("h2", {id: "step-title", tabindex: -1});
    this.body = h("div", {class: "inspector-body"});
    this.element = h("aside", {class: "inspector", hidden: true, "aria-labelledby": "step-title"},
      h("div", {class: "inspector-head"}, this.title, h("button", {type: "button", class: "icon", "aria-label": "Close the step", title: "Close (Esc)", on: {click: close}}, icon("close"))),
      this.body);
    parent.append(this.element);
    this.step = null;
  }

  close() {
    clearTimeout(this.due);
    this.due = null;
    this.element.hidden = true;
    this.step = null;
  }

  /** Show a step; it is read again when the run changes. */
  async open(step, {focus = false} = {}) {
    const fresh = step !== this.step;
    this.step = step;
    this.element.hidden = false;
    if (fresh) {
      this.title.textContent = step;
      this.body.replaceChildren(h("p", {class: "soft"}, "Loading…"));
      this.outputShown = null;
    }
    if (focus) this.title.focus();
    await this.refresh();
  }

  /** The run has changed; read the step again soon. */
  changed() {
    if (this.step === null || this.due) return;
    this.due = setTimeout(() => { this.due = null; this.refresh(); }, REFRESH_MS);
  }

  async refresh() {
    const step = this.step;
    if (step === null || this.reading) return;
    this.reading = true;
    try {
      const view = await json(taskPath(this.id, "steps", step));
      await this.readFailure(view);
      const shown = JSON.stringify([view, this.ended()]);
      if (this.step === step && shown !== this.shown) this.show(view);
      this.shown = shown;
    } catch (error) {
      if (this.step === step) this.body.replaceChildren(h("p", {class: "bad"}, error.message));
    } finally {
      this.reading = false;
    }
    if (this.step !== null && this.step !== step) await this.refresh();
  }

  /** The attempts of a step hold failures in brief; read the whole one of the last attempt. */
  async readFailure(view) {
    const last = view.attempts.at(-1);
    if (!last?.failure) return;
    const {failures} = await json(taskPath(this.id, "failures"));
    last.failure = failures.find(one => one.attempt === last.attempt)?.failure ?? last.failure;
  }

  show(view) {
    const last = view.attempts.at(-1);
    const open = new Set([...this.body.querySelectorAll("details[open]")].map(details => details.dataset.key));
    this.body.replaceChildren(
      h("p", {class: "step-line"}, view.capability ? h("span", {class: "tag"}, view.capability) : "", view.title ? h("span", {}, view.title) : ""),
      ...[skipped(view.skipped), waiting(view.waiting), failure(last), this.inputs(view), this.output(view), this.attempts(view), gate(view), this.logs(view), placements(view), this.again(view)].filter(Boolean));
    for (const details of this.body.querySelectorAll("details")) if (open.has(details.dataset.key)) details.open = true;
  }

  inputs(view) {
    if (!view.inputs.length && !view.parents.length) return null;
    const rows = view.inputs.map(input => [input.name, h("div", {}, h("pre", {tabindex: 0}, show(input.known ? input.value : input.binding)), links(stepsIn(input.binding), this.select))]);
    const others = view.parents.filter(parent => !JSON.stringify(view.inputs).includes(`$steps.${parent}`));
    if (others.length) rows.push(["after", links(others, this.select)]);
    return h("section", {}, h("h3", {}, "Inputs"), pairs(rows));
  }

  output(view) {
    const done = view.attempts.some(attempt => attempt.status === "finished");
    if (!done) return null;
    const box = h("div", {class: "output"});
    const read = async (most = 20000) => {
      box.replaceChildren(h("p", {class: "soft"}, "Loading…"));
      const {text, left, error} = await this.textOf(taskPath(this.id, "outputs", view.step), most);
      if (error) return box.replaceChildren(h("p", {class: "soft"}, error));
      return box.replaceChildren(h("pre", {tabindex: 0, "aria-label": "Output"}, text),
        left ? h("button", {type: "button", on: {click: () => read(most * 10)}}, `Show more (${bytes(left)} left)`) : "");
    };
    if (this.outputShown === view.step && this.outputBox) return this.outputBox;
    this.outputShown = view.step;
    read();
    return this.outputBox = h("section", {}, h("h3", {}, "Output"), box);
  }

  logs(view) {
    if (!view.attempts.length) return null;
    const box = h("div");
    const details = h("details", {data: {key: "logs"}, on: {toggle: () => { if (details.open) this.readLogs(view.step, box); }}}, h("summary", {}, "Logs"), box);
    return details;
  }

  again(view) {
    if (!this.ended() || !view.attempts.length) return null;
    return h("p", {}, h("button", {type: "button", title: "Run this step and everything behind it again, as a new task", on: {click: event => acting(event.currentTarget, () => retry(this.id, view.step))}}, icon("retry"), "Retry from here"));
  }

  async readLogs(step, box) {
    try {
      const text = await lastLines(this.id, step);
      box.replaceChildren(text ? h("pre", {tabindex: 0, "aria-label": "Last log lines"}, text) : h("p", {class: "soft"}, "Nothing was printed or logged."),
        text ? h("button", {type: "button", class: "link", on: {click: () => this.showLogs(step)}}, "All lines of this step") : "");
    } catch (error) {
      box.replaceChildren(h("p", {class: "soft"}, error.message));
    }
  }

  attempts(view) {
    if (!view.attempts.length) return null;
    return h("section", {}, h("h3", {}, view.attempts.length === 1 ? "Attempt" : `${view.attempts.length} attempts`),
      view.attempts.map((attempt, index) => attemptBox(attempt, index === view.attempts.length - 1)));
  }
}

const BESIDE = {hedge: "as a hedge, beside an attempt that was late", standby: "as a standby, in case the first agent's output is refused"};

function attemptBox(attempt, open) {
  const worked = attempt.started_s === null || attempt.ended_s === null ? null : attempt.ended_s - attempt.started_s;
  const rows = [
    ["agent", attempt.agent], ["node", attempt.node], ["dispatched", seconds(attempt.dispatched_s)],
    ["waited", attempt.started_s === null ? "–" : seconds(attempt.started_s - attempt.dispatched_s)],
    ["worked", worked === null ? "–" : seconds(worked)], ["cost", dollars(attempt.usd)], ["epoch", String(attempt.epoch)],
    ["began", BESIDE[attempt.beside] ?? (attempt.speculative ? "as a guess" : "by the optimal plan")],
  ];
  if (attempt.progress?.message || (attempt.progress?.done ?? null) !== null) rows.push(["progress", [attempt.progress.done === null ? "" : percent(attempt.progress.done), attempt.progress.message].filter(Boolean).join(" ")]);
  for (const notice of attempt.progress?.notices ?? []) rows.push(["noticed", notice]);
  if (attempt.progress?.artefacts.length) rows.push(["artefacts", attempt.progress.artefacts.join(", ")]);
  if (attempt.reason) rows.push(["reason", attempt.reason]);
  if (attempt.appraisal) rows.push(["gate", `P ${percent(attempt.appraisal.probability)} · L ${seconds(attempt.appraisal.saved_s)} · C ${dollars(attempt.appraisal.cost_usd)}`]);
  return h("details", {open, data: {key: attempt.attempt}},
    h("summary", {}, h("code", {}, attempt.attempt), ` ${words(attempt.status)}`, attempt.verdict ? h("span", {class: "tag", data: {kind: attempt.verdict === "flush" ? "bad" : "good"}}, words(attempt.verdict)) : ""),
    pairs(rows));
}

function skipped(reason) {
  return reason === null || reason === undefined ? null : h("p", {class: "box"}, h("b", {}, "Skipped: "), reason);
}

function waiting(reason) {
  return reason ? h("p", {class: "box warn"}, h("b", {}, "Waiting: "), reason.message) : null;
}

function failure(attempt) {
  if (!attempt || !["failed", "in_doubt"].includes(attempt.status)) return null;
  return h("div", {class: "box bad-box"}, failureDetails(attempt.failure ?? {message: attempt.reason}, {open: true}));
}

/** The gate's decision: dispatch when P·L·value > the charge; what P, L and C were. */
function gate(view) {
  const decision = view.decision;
  const appraisal = decision?.appraisal ?? view.attempts.find(attempt => attempt.appraisal)?.appraisal;
  if (!appraisal) return null;
  const refused = decision && !decision.dispatch;
  const rows = [
    ["P", `${percent(appraisal.probability)} that the work survives (the planner claimed ${percent(appraisal.claimed)})`],
    ["L", `${seconds(appraisal.saved_s)} saved if it does`],
    ["C", `${dollars(appraisal.cost_usd)} lost if it does not`],
  ];
  if (refused) rows.push(["margin", dollars(decision.margin_usd)], ["why", decision.reason || words(decision.refusal)]);
  return h("section", {}, h("h3", {}, "The gate's decision"),
    h("p", {}, refused ? "Refused: it waited for the optimal plan." : "Dispatched before the optimal plan."), pairs(rows));
}

function placements(view) {
  if (!view.speculative && !view.optimal) return null;
  const row = (name, placement) => h("tr", {}, h("th", {scope: "row"}, name),
    placement ? [h("td", {}, placement.agent), h("td", {}, node(placement.node)), h("td", {class: "n"}, `${seconds(placement.start_s)} + ${seconds(placement.duration_s)}`)] : h("td", {colspan: 3, class: "soft"}, "not in this plan"));
  return h("section", {}, h("h3", {}, "Placements"), h("table", {class: "plain"}, h("tbody", {}, row("Speculative", view.speculative), row("Optimal", view.optimal))),
    view.probability === null ? "" : h("p", {class: "soft"}, `The guess gave it a probability of ${number(view.probability)}.`));
}

/** The steps that a binding refers to. */
function stepsIn(binding) {
  return [...new Set((JSON.stringify(binding).match(/\$steps\.[^".]+/g) ?? []).map(text => text.slice(7)))];
}

/** What an approval shows to whoever decides: its inputs, without the terms that it is asked under. */
export function shownBy(view, select) {
  const inputs = view.inputs.filter(input => !TERMS.has(input.name));
  return inputs.length ? pairs(inputs.map(({name, known, value, binding}) => [name, h("div", {}, h("pre", {tabindex: 0}, show(known ? value : binding)), known ? "" : links(stepsIn(binding), select))])) : "";
}

function links(steps, select) {
  return h("span", {class: "links"}, steps.map(step => h("button", {type: "button", class: "link", on: {click: () => select(step)}}, step)));
}

/** Names and values. */
export function pairs(rows) {
  return h("dl", {class: "pairs"}, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

function show(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}
