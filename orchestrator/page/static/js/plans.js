// Both plans and their difference: figures side by side, and every step in which they differ.
import {json, taskPath} from "./api.js";
import {h, say} from "./dom.js";
import {dollars, node, number, percent, seconds} from "./format.js";
import {RELATIONS} from "./graph.js";
import {Rows} from "./rows.js";

const KNOWN = {inputs: "decided", learned: "learned", nothing: "unknown, so equal shares"};
const ORDER = ["changed", "moved", "guessed", "planned", "same", "pending", "skipped"];

export class Plans {
  constructor(parent, {id, select}) {
    this.id = id;
    this.only = "";
    this.asking = new AbortController();
    this.figures = h("div", {class: "plan-figures"});
    this.advice = h("ul", {class: "soft", "aria-label": "What would make the plan cheaper or shorter", hidden: true});
    this.filters = h("div", {class: "chips", role: "group", "aria-label": "Difference"});
    this.element = h("div", {class: "steps"}, this.figures, this.advice, this.filters);
    parent.append(this.element);
    const text = of => (cell, step) => say(cell, of(step));
    this.rows = new Rows(this.element, {
      label: "Steps of both plans", open: step => select(step),
      columns: [
        {title: "Step", width: "minmax(130px, 1.6fr)", narrow: "minmax(0, 1fr)", fill: text(step => this.names.id[step])},
        {title: "Difference", width: "minmax(120px, 1.2fr)", narrow: "90px", fill: (cell, step) => { say(cell, RELATIONS[this.names.relation[step]]); cell.dataset.relation = this.names.relation[step]; }},
        {title: "Speculative plan", width: "minmax(120px, 1.5fr)", narrow: "minmax(0, 1.1fr)", fill: text(step => this.guessed(step))},
        {title: "Optimal plan", width: "minmax(120px, 1.5fr)", narrow: "minmax(0, 1.1fr)", fill: text(step => this.planned(step))},
        {title: "P", width: "56px", kind: "n wide-only", fill: text(step => Number.isNaN(this.names.probability[step]) ? "–" : percent(this.names.probability[step]))},
      ],
    });
  }

  close() {
    this.asking.abort();
    this.rows.close();
  }

  guessed(step) {
    const {guessedAs, guessedAgent, guessedNode, id} = this.names;
    if (guessedAs[step] === null) return this.names.relation[step] === "guessed" ? `${this.names.agent[step]} on ${node(this.names.node[step])}` : "–";
    return `${guessedAgent[step]} on ${node(guessedNode[step])}${guessedAs[step] === id[step] ? "" : `, as ${guessedAs[step]}`}`;
  }

  planned(step) {
    const {relation, agent} = this.names;
    return relation[step] === "guessed" || !agent[step] || relation[step] === "gone" ? "–" : `${agent[step]} on ${node(this.names.node[step])}`;
  }

  update(run) {
    if (!run.graph) {
      this.say(run.view);
      return;
    }
    this.plans = run.graph;
    this.say(run.view);
    this.filter();
    this.advise();
  }

  /** Cheaper agents where the plan has slack, and what would shorten it. It takes some list schedules to find out. */
  async advise() {
    this.asking.abort();
    this.asking = new AbortController();
    const {signal} = this.asking;
    try {
      const {cheaper, hints} = await json(taskPath(this.id, "advice"), {signal});
      const swaps = cheaper.map(one => `${one.step} has slack: ${one.instead} instead of ${one.agent} saves ${dollars(one.saves_usd)}`);
      this.advice.replaceChildren(...[...swaps, ...hints].map(text => h("li", {}, text)));
      this.advice.hidden = !this.advice.childElementCount;
    } catch (error) {
      if (!signal.aborted) this.advice.hidden = true; // the plans are shown without it
    }
  }

  say(view) {
    if (!this.plans) return;
    const {speculative, optimal, routes} = this.plans;
    const cells = plan => plan
      ? [plan.origin, String(plan.steps) + (plan.complete ? "" : " so far"), seconds(plan.planning_s), seconds(plan.makespan_s), dollars(plan.usd), plan.gap === null ? "–" : percent(plan.gap, 1)]
      : ["none", "–", "–", "–", "–", "–"];
    const key = JSON.stringify([speculative, optimal, routes, view.similarity]);
    if (key === this.key) return;
    this.key = key;
    const heads = ["Made by", "Steps", "Planning", "Expected to take", "Expected cost", "Gap"];
    const row = (name, values) => h("tr", {}, h("th", {scope: "row"}, name), values.map(value => h("td", {class: "n"}, value)));
    this.figures.replaceChildren(
      h("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "Figures of the plans"}, h("table", {class: "plain"}, h("thead", {}, h("tr", {}, h("td"), heads.map(text => h("th", {scope: "col", class: "n"}, text)))),
        h("tbody", {}, row("Speculative plan", cells(speculative)), row("Optimal plan", cells(optimal))))),
      routes.length ? h("ul", {class: "soft", "aria-label": "Chances of the routes"}, routes.map(chances)) : "",
      view.similarity === null ? "" : h("p", {class: "soft"}, `Similarity ${number(view.similarity)}: the mean of step F1 and edge F1.`));
  }

  filter() {
    const {relation, id} = this.names;
    const counts = Object.fromEntries(ORDER.map(kind => [kind, 0]));
    for (const kind of relation) if (kind in counts) counts[kind] += 1;
    const chip = (value, text) => h("button", {type: "button", class: "chip", "aria-pressed": String(this.only === value), on: {click: () => { this.only = value; this.filter(); }}}, text);
    this.filters.replaceChildren(chip("", `All ${id.length}`), ...ORDER.filter(kind => counts[kind]).map(kind => chip(kind, `${RELATIONS[kind]} ${counts[kind]}`)));
    const rank = Object.fromEntries(ORDER.map((kind, index) => [kind, index]));
    const shown = id.map((_, step) => step).filter(step => relation[step] in rank && (!this.only || relation[step] === this.only));
    if (!this.only) shown.sort((a, b) => rank[relation[a]] - rank[relation[b]] || a - b);
    this.rows.show(shown);
  }
}

/** How probable the branches of a route are, and how that is known. */
function chances({route, known_from: known, branches}) {
  return h("li", {}, "Route ", h("b", {}, route), `: ${branches.map(one => `${percent(one.probability)} ${one.branch}`).join(", ")} (${KNOWN[known]})`);
}
