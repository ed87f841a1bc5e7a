// One run as the page knows it: attempts by id, the graph, and the columns made of them.
import {kindOf, isLive, BESIDE, CRITICAL, KIND, LIVE, NOTED, SPECULATIVE, STATE} from "./kinds.js";
import {criticalPath} from "./critical.js";
import {timeline} from "./lanes.js";
import {layered} from "./layers.js";

export class Run {
  constructor(id) {
    this.id = id;
    this.seq = 0;
    this.plannedSeq = 0;
    this.view = null;
    this.ended = false;
    this.published = false;
    this.bars = new Map();
    this.notes = new Map();
    this.graph = {steps: [], speculative: null, optimal: null};
    this.stepOf = new Map();
    this.extra = [];
    this.graphChanged = true;
    this.graphLoaded = false;
  }

  /** Take changes in. */
  take(changes) {
    this.seq = changes.seq;
    this.plannedSeq = changes.planned_seq;
    this.view = changes.view;
    this.atS = changes.at_s;
    this.ended = changes.ended;
    for (const bar of changes.bars) this.bars.set(bar.attempt, bar);
    for (const note of changes.steps ?? []) this.notes.set(note.step, note);
  }

  takeGraph(graph) {
    this.graph = {...graph, steps: withOthers(graph)};
    this.graphLoaded = true;
    this.stepOf = new Map(this.graph.steps.map((step, place) => [step.id, place]));
    // A flushed attempt may belong to a step that only a former guess had; it is shown after the others.
    this.extra = [];
    this.graphChanged = true;
  }

  /** The place of an attempt's step among all steps. */
  place(bar) {
    let place = this.stepOf.get(bar.step);
    if (place === undefined) {
      place = this.graph.steps.length + this.extra.length;
      this.stepOf.set(bar.step, place);
      this.extra.push({id: bar.step, capability: bar.capability, title: bar.title, parents: [], relation: "gone", agent: bar.agent, node: bar.node});
      this.graphChanged = true;
    }
    return place;
  }

  /** What the page needs now, as columns that can be transferred. */
  published_() {
    this.published = true;
    const bars = [...this.bars.values()];
    const places = Int32Array.from(bars, bar => this.place(bar));
    const steps = [...this.graph.steps, ...this.extra];
    const now = this.atS ?? 0;
    const progress = stepProgress(steps, bars, places, now, this);
    const critical = criticalPath(steps, progress);
    const columns = attemptColumns(bars, places, progress, critical);
    const lanes = timeline(bars, columns, now, this.ended);
    const message = {
      type: "run", view: this.view, seq: this.seq, ended: this.ended, atS: now, marks: {guess: this.view.speculative_plan_s, plan: this.view.optimal_plan_s, end: this.view.ended_s},
      timeline: lanes, steps: {state: progress.state, kind: progress.kind, startS: progress.startS, endS: progress.endS, attempts: progress.attempts, critical, reasons: progress.reasons},
    };
    const transfer = [...Object.values(lanes), ...Object.values(message.steps)].filter(ArrayBuffer.isView).map(column => column.buffer);
    if (this.graphChanged) {
      this.graphChanged = false;
      message.graph = this.graphColumns(steps);
      transfer.push(message.graph.x.buffer, message.graph.y.buffer, message.graph.edges.buffer, message.graph.probability.buffer);
    }
    return {message, transfer};
  }

  graphColumns(steps) {
    const layout = layered(steps);
    return {
      ...layout, loaded: this.graphLoaded, id: steps.map(step => step.id), capability: steps.map(step => step.capability), title: steps.map(step => step.title ?? ""),
      agent: steps.map(step => step.agent), node: steps.map(step => step.node), relation: steps.map(step => step.relation),
      guessedAs: steps.map(step => step.guessed_as ?? null), guessedAgent: steps.map(step => step.guessed_agent ?? null),
      guessedNode: steps.map(step => step.guessed_node ?? null),
      probability: Float32Array.from(steps, step => step.probability ?? NaN),
      speculative: this.graph.speculative, optimal: this.graph.optimal, routes: this.graph.routes ?? [],
    };
  }
}

/** The steps, and after them the nodes that are not unrolled yet and those that are not run. */
function withOthers({steps, pending = [], skipped = []}) {
  const place = new Map(steps.map((step, at) => [step.id, at]));
  const other = (id, relation, parents) => ({id, capability: "", title: "", parents: parents.filter(parent => place.has(parent)).map(parent => place.get(parent)), relation, agent: "", node: ""});
  return [...steps, ...pending.map(node => other(node.id, "pending", [node.waits_for, ...(node.and_for ?? [])])),
    ...skipped.filter(node => !place.has(node.id)).map(node => other(node.id, "skipped", []))];
}

/** Of each step: its state, colour and times, by the attempt that serves it, or by its last one. */
function stepProgress(steps, bars, places, now, {notes, ended}) {
  const size = steps.length;
  const serving = new Int32Array(size).fill(-1);
  const attempts = new Uint16Array(size);
  bars.forEach((bar, index) => {
    const place = places[index];
    attempts[place] += 1;
    const best = serving[place];
    if (best < 0 || rank(bar) >= rank(bars[best])) serving[place] = index;
  });
  const progress = {state: new Uint8Array(size), kind: new Uint8Array(size), startS: new Float64Array(size).fill(NaN), endS: new Float64Array(size).fill(NaN), attempts, serving, reasons: {}};
  for (let place = 0; place < size; place += 1) {
    noted(progress, place, steps[place], notes.get(steps[place].id), ended);
    if (serving[place] < 0) continue;
    const bar = bars[serving[place]];
    if (!progress.reasons[place]) progress.state[place] = STATE[bar.status] ?? 0;
    if (progress.kind[place] === KIND.waiting) progress.kind[place] = kindOf(bar);
    progress.startS[place] = bar.started_s ?? bar.dispatched_s;
    progress.endS[place] = bar.ended_s ?? (isLive(bar) ? now : bar.started_s ?? bar.dispatched_s);
  }
  return progress;
}

/** What the service says of a step, or what its place in the plan does; an attempt may say more. */
function noted(progress, place, step, note, ended) {
  if (note && NOTED.has(note.status)) {
    progress.state[place] = STATE[note.status];
    progress.reasons[place] = note.reason || note.status;
    if (note.status === "skipped") progress.kind[place] = KIND.skipped;
    if (note.status === "failed") progress.kind[place] = KIND.failed;
  } else if (step.relation === "skipped") {
    progress.state[place] = STATE.skipped;
    progress.kind[place] = KIND.skipped;
  } else if (ended) progress.state[place] = STATE.not_run;
  else if (step.relation === "pending") progress.state[place] = STATE.pending;
}

/** Work that is used counts more than work that failed, and that more than what was flushed. */
function rank(bar) {
  if (bar.verdict === "flush" || bar.verdict === "salvage:migrate" || bar.status === "flushed") return 0;
  return bar.status === "failed" ? 1 : 2;
}

function attemptColumns(bars, places, progress, critical) {
  const size = bars.length;
  const columns = {dispatchedS: new Float64Array(size), startedS: new Float64Array(size), endedS: new Float64Array(size), kind: new Uint8Array(size), flags: new Uint8Array(size), step: places};
  bars.forEach((bar, index) => {
    columns.dispatchedS[index] = bar.dispatched_s;
    columns.startedS[index] = bar.started_s ?? NaN;
    columns.endedS[index] = bar.ended_s ?? (isLive(bar) ? NaN : bar.started_s ?? bar.dispatched_s);
    columns.kind[index] = kindOf(bar);
    const isCritical = critical[places[index]] && progress.serving[places[index]] === index;
    columns.flags[index] = (bar.speculative ? SPECULATIVE : 0) | (isCritical ? CRITICAL : 0) | (isLive(bar) ? LIVE : 0) | (bar.beside ? BESIDE : 0);
  });
  return columns;
}
