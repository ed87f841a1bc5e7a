// All steps of a run as a table: state, agent, times; filtered by text and state.
import {h, say} from "./dom.js";
import {node, plural, seconds} from "./format.js";
import {Rows} from "./rows.js";
import {KINDS, STATES} from "./worker/kinds.js";

export class Steps {
  constructor(parent, {select}) {
    this.run = null;
    this.search = h("input", {type: "search", placeholder: "Step, capability, agent or node", "aria-label": "Search steps", on: {input: () => this.filter()}});
    this.state = h("select", {"aria-label": "State", on: {change: () => this.filter()}},
      h("option", {value: ""}, "Every state"), STATES.map((text, index) => h("option", {value: index}, text)));
    this.found = h("span", {class: "soft"});
    this.element = h("div", {class: "steps"}, h("div", {class: "plot-tools"}, this.search, this.state, this.found));
    parent.append(this.element);
    const text = of => (cell, step) => say(cell, of(step));
    this.rows = new Rows(this.element, {
      label: "Steps", open: step => select(step),
      columns: [
        {title: "Step", width: "minmax(140px, 2.2fr)", narrow: "minmax(0, 1.6fr)", fill: (cell, step) => { say(cell, this.names.title[step] || this.names.id[step]); cell.title = this.names.id[step]; }},
        {title: "State", width: "minmax(110px, 1.2fr)", narrow: "minmax(0, 1.3fr)", fill: (cell, step) => this.fillState(cell, step)},
        {title: "Agent", width: "minmax(90px, 1.3fr)", narrow: "minmax(0, 1.1fr)", fill: text(step => this.names.agent[step] || "–")},
        {title: "Node", width: "minmax(70px, .9fr)", kind: "wide-only", fill: text(step => node(this.names.node[step]) || "–")},
        {title: "Start", width: "80px", kind: "n wide-only", fill: text(step => seconds(value(this.run.steps.startS[step])))},
        {title: "Took", width: "80px", kind: "n", fill: text(step => seconds(value(this.run.steps.endS[step] - this.run.steps.startS[step])))},
        {title: "Tries", width: "56px", kind: "n wide-only", fill: text(step => String(this.run.steps.attempts[step] || "–"))},
      ],
    });
  }

  close() {
    this.rows.close();
  }

  update(run) {
    this.run = run;
    this.filter();
  }

  fillState(cell, step) {
    const {state, kind} = this.run.steps;
    const swatch = cell.firstElementChild ?? cell.appendChild(h("i", {class: "swatch"}));
    swatch.dataset.kind = KINDS[kind[step]].name;
    const label = cell.children[1] ?? cell.appendChild(h("span"));
    say(label, STATES[state[step]]);
    const mark = cell.children[2] ?? cell.appendChild(h("span", {class: "wide-only"}));
    say(mark, this.run.steps.critical[step] ? " · critical" : "");
    cell.title = this.run.steps.reasons[step] ?? (kind[step] ? KINDS[kind[step]].text : "");
  }

  filter() {
    if (!this.run || !this.names) return;
    const {id, capability, title, agent} = this.names;
    const text = this.search.value.trim().toLowerCase();
    const state = this.state.value === "" ? -1 : Number(this.state.value);
    const shown = [];
    for (let step = 0; step < id.length; step += 1) {
      if (state >= 0 && this.run.steps.state[step] !== state) continue;
      if (text && !`${id[step]} ${capability[step]} ${title[step]} ${agent[step]} ${this.names.node[step]}`.toLowerCase().includes(text)) continue;
      shown.push(step);
    }
    say(this.found, shown.length === id.length ? plural(shown.length, "step") : `${shown.length} of ${plural(id.length, "step")}`);
    this.rows.show(shown);
  }
}

function value(number) {
  return Number.isNaN(number) ? null : number;
}
