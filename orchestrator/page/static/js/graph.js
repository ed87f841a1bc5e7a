// The graph of a run: steps in layers, coloured by what became of them, drawn on a canvas that pans and zooms.
import {Canvas, fitted, pointers} from "./canvas.js";
import {h, say} from "./dom.js";
import {node, words} from "./format.js";
import {tool} from "./timeline.js";
import {KINDS, STATES} from "./worker/kinds.js";
import {HEIGHT, WIDTH} from "./worker/layers.js";

const MARGIN = 24;
const TEXT_SCALE = 0.55;  // below it no text can be read, so none is drawn
const MOST_SCALE = 1.6;
// Curves are dear: with more edges in view than this they are straight lines.
const MOST_CURVES = 1200;

export class Graph {
  constructor(parent, {select}) {
    this.select = select;
    this.graph = null;
    this.steps = null;
    this.selected = -1;
    this.scale = 1;
    this.left = this.top = 0;
    this.fitting = true;
    this.canvas = h("canvas", {class: "plot", tabindex: 0, role: "application", "aria-label": "Graph of the steps. Arrow keys move along the edges, Enter opens the step; the tab Steps lists the same."});
    this.tip = h("div", {class: "tip", hidden: true});
    this.note = h("span", {class: "soft"});
    this.element = h("div", {class: "plot-box"},
      h("div", {class: "plot-tools"}, this.note, h("span", {class: "zoom"},
        tool("minus", "Zoom out", () => this.zoom(1 / 1.4)), tool("plus", "Zoom in", () => this.zoom(1.4)), tool("fit", "Zoom to fit", () => this.fit()))),
      this.frame = h("div", {class: "graph-frame"}, this.canvas), this.tip);
    parent.append(this.element);
    this.view = new Canvas(this.canvas, (context, width, height, colours) => this.draw(context, width, height, colours));
    this.view.onresize = () => { if (this.fitting) this.fit(); };
    pointers(this.canvas, {
      pan: (dx, dy) => this.pan(dx, dy), zoom: (factor, x, y) => this.zoom(factor, x, y),
      tap: (x, y) => this.tapped(x, y), hover: (x, y) => this.hover(x, y),
    });
    this.canvas.addEventListener("wheel", event => {
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) this.zoom(Math.exp(-event.deltaY / 250), event.offsetX, event.offsetY);
      else this.pan(-event.deltaX, -event.deltaY);
    }, {passive: false});
    this.canvas.addEventListener("keydown", event => this.key(event));
  }

  close() {
    this.view.close();
  }

  update(run) {
    this.steps = run.steps;
    if (run.graph?.loaded) {
      this.graph = run.graph;
      this.children = null;
      this.frame.style.setProperty("--needed", `${Math.ceil(run.graph.height + 2 * MARGIN)}px`);
      say(this.note, inventory(run.graph.relation));
      if (this.fitting) this.fit();
    }
    this.view.ask();
  }

  // ---- drawing

  draw(context, width, height, colours) {
    context.setTransform(this.view.ratio, 0, 0, this.view.ratio, 0, 0);
    context.fillStyle = colours.card;
    context.fillRect(0, 0, width, height);
    if (!this.graph) return;
    context.save();
    context.translate(this.left, this.top);
    context.scale(this.scale, this.scale);
    const seen = {left: -this.left / this.scale, top: -this.top / this.scale, right: (width - this.left) / this.scale, bottom: (height - this.top) / this.scale};
    this.drawEdges(context, seen, colours);
    this.drawSteps(context, seen, colours);
    context.restore();
  }

  drawEdges(context, seen, colours) {
    const {x, y, edges, bends} = this.graph;
    const {critical} = this.steps;
    const shown = [[], []];
    for (let at = 0; at < edges.length; at += 2) {
      const [from, to] = [edges[at], edges[at + 1]];
      if (x[to] < seen.left || x[from] > seen.right) continue;
      if (!bends[at / 2] && (Math.max(y[from], y[to]) + HEIGHT < seen.top || Math.min(y[from], y[to]) > seen.bottom)) continue;
      shown[critical[from] && critical[to] ? 1 : 0].push(at / 2);
    }
    const curved = shown[0].length < MOST_CURVES;
    [[colours.waiting, 1.2], [colours.ink, 2.5]].forEach(([colour, wide], kind) => {
      context.strokeStyle = colour;
      context.lineWidth = Math.max(wide, 0.6 / this.scale);
      context.beginPath();
      for (const edge of shown[kind]) this.edge(context, edge, curved || kind === 1);
      context.stroke();
    });
  }

  /** From the right side of a step to the left side of another one; past the layers between them where they leave room. */
  edge(context, edge, curved) {
    const {x, y, edges, bends} = this.graph;
    const [from, to] = [edges[2 * edge], edges[2 * edge + 1]];
    let [left, top] = [x[from] + WIDTH, y[from] + HEIGHT / 2];
    context.moveTo(left, top);
    const lead = (x2, y2) => {
      const bend = Math.max(24, (x2 - left) / 2);
      if (curved) context.bezierCurveTo(left + bend, top, x2 - bend, y2, x2, y2);
      else context.lineTo(x2, y2);
    };
    const between = bends[edge] ?? [];
    for (let at = 0; at < between.length; at += 2) {
      lead(between[at], between[at + 1]);
      [left, top] = [between[at] + WIDTH, between[at + 1]];
      context.lineTo(left, top);
    }
    lead(x[to], y[to] + HEIGHT / 2);
  }

  drawSteps(context, seen, colours) {
    const {x, y, id} = this.graph;
    const readable = this.scale >= TEXT_SCALE;
    const byKind = KINDS.map(() => []);
    for (let step = 0; step < id.length; step += 1) {
      if (x[step] > seen.right || x[step] + WIDTH < seen.left || y[step] > seen.bottom || y[step] + HEIGHT < seen.top) continue;
      byKind[this.steps.kind[step] ?? 0].push(step);
    }
    byKind.forEach((steps, kind) => {
      if (readable) for (const step of steps) this.drawStep(context, step, kind, colours);
      else {
        context.fillStyle = colours.kinds[kind];
        for (const step of steps) context.fillRect(x[step], y[step], WIDTH, HEIGHT);
      }
    });
    this.drawRing(context, this.selected, colours.focus);
  }

  drawRing(context, step, colour) {
    if (step < 0 || step >= this.graph.id.length) return;
    context.strokeStyle = colour;
    context.lineWidth = Math.max(2.5, 2 / this.scale);
    context.strokeRect(this.graph.x[step] - 3, this.graph.y[step] - 3, WIDTH + 6, HEIGHT + 6);
  }

  drawStep(context, step, kind, colours) {
    const {x, y, id, agent, relation, title} = this.graph;
    const waiting = kind === 0;
    const [left, top] = [x[step], y[step]];
    context.beginPath();
    context.roundRect(left, top, WIDTH, HEIGHT, 6);
    context.fillStyle = colours.wash;
    context.fill();
    context.lineWidth = this.steps.critical[step] ? 2 : 1;
    context.strokeStyle = this.steps.critical[step] ? colours.ink : colours.line;
    context.setLineDash(DASHED.has(relation[step]) ? [4, 3] : []);
    context.stroke();
    context.setLineDash([]);
    context.beginPath();
    context.roundRect(left, top, 6, HEIGHT, [6, 0, 0, 6]);
    context.fillStyle = colours.kinds[kind];
    context.fill();
    if (this.steps.state[step] === 2) {
      context.beginPath();
      context.arc(left + WIDTH - 12, top + 11, 4, 0, 2 * Math.PI);
      context.fillStyle = colours.running;
      context.fill();
    }
    context.textBaseline = "middle";
    context.textAlign = "left";
    context.fillStyle = waiting ? colours.soft : colours.ink;
    context.font = `600 12px ${colours.sans}`;
    context.fillText(fitted(context, title[step] || id[step], WIDTH - 30, 7), left + 13, top + 12);
    context.fillStyle = colours.soft;
    context.font = `11px ${colours.sans}`;
    context.fillText(fitted(context, agent[step] || STATES[this.steps.state[step]], WIDTH - 20, 6.2), left + 13, top + 26);
  }

  // ---- moving about

  fit() {
    this.fitting = true;
    if (!this.graph || !this.view.width) return;
    const {width, height} = this.graph;
    this.scale = Math.min((this.view.width - 2 * MARGIN) / Math.max(1, width), (this.view.height - 2 * MARGIN) / Math.max(1, height), 1);
    this.left = (this.view.width - width * this.scale) / 2;
    this.top = (this.view.height - height * this.scale) / 2;
    this.view.ask();
  }

  zoom(factor, x = this.view.width / 2, y = this.view.height / 2) {
    const next = Math.min(MOST_SCALE, Math.max(0.01, this.scale * factor));
    this.left = x - (x - this.left) * next / this.scale;
    this.top = y - (y - this.top) * next / this.scale;
    this.scale = next;
    this.fitting = false;
    this.view.ask();
  }

  pan(dx, dy) {
    this.left += dx;
    this.top += dy;
    this.fitting = false;
    this.view.ask();
  }

  stepAt(px, py) {
    if (!this.graph) return -1;
    const [at, down] = [(px - this.left) / this.scale, (py - this.top) / this.scale];
    const {x, y} = this.graph;
    for (let step = x.length - 1; step >= 0; step -= 1) {
      if (at >= x[step] && at <= x[step] + WIDTH && down >= y[step] && down <= y[step] + HEIGHT) return step;
    }
    return -1;
  }

  tapped(x, y) {
    const step = this.stepAt(x, y);
    if (step < 0) return;
    this.choose(step);
    this.select(step);
  }

  choose(step) {
    this.selected = step;
    this.view.ask();
  }

  hover(x, y) {
    const step = x === null ? -1 : this.stepAt(x, y);
    this.tip.hidden = step < 0;
    this.canvas.style.cursor = step < 0 ? "grab" : "pointer";
    if (step < 0) return;
    say(this.tip, this.description(step));
    this.tip.style.left = `${Math.max(4, Math.min(x + 14, this.view.width - 270))}px`;
    this.tip.style.top = `${this.canvas.offsetTop + y + 60}px`;
  }

  description(step) {
    const {id, capability, agent, relation} = this.graph;
    const kind = KINDS[this.steps.kind[step]].text;
    const reason = this.steps.reasons[step] ?? (this.steps.kind[step] ? kind : "");
    const place = agent[step] ? `${capability[step]} by ${agent[step]} on ${node(this.graph.node[step])}` : "";
    const state = words(STATES[this.steps.state[step]]);
    return [id[step], place, reason && reason !== state ? `${state}: ${reason}` : state, RELATIONS[relation[step]]].filter(Boolean).join("\n");
  }

  key(event) {
    if (!this.graph?.id.length) return;
    if (event.key === "+" || event.key === "=") this.zoom(1.4);
    else if (event.key === "-") this.zoom(1 / 1.4);
    else if (event.key === "0") this.fit();
    else if (event.key === "Enter" && this.selected >= 0) this.select(this.selected);
    else if (event.key.startsWith("Arrow")) this.walk(event.key);
    else return;
    event.preventDefault();
  }

  /** Left and right follow the edges, up and down stay in the layer. */
  walk(key) {
    const {x, y, edges, id} = this.graph;
    const from = this.selected;
    let best = from < 0 ? 0 : -1;
    const nearer = step => { if (best < 0 || Math.abs(y[step] - y[from]) < Math.abs(y[best] - y[from])) best = step; };
    if (from >= 0 && (key === "ArrowLeft" || key === "ArrowRight")) {
      const [near, far] = key === "ArrowRight" ? [0, 1] : [1, 0];
      for (let at = 0; at < edges.length; at += 2) if (edges[at + near] === from) nearer(edges[at + far]);
    } else if (from >= 0) {
      const sign = key === "ArrowDown" ? 1 : -1;
      for (let step = 0; step < id.length; step += 1) if (x[step] === x[from] && sign * (y[step] - y[from]) > 0) nearer(step);
    }
    if (best < 0) return;
    this.choose(best);
    this.reveal(best);
    say(document.getElementById("announcer"), this.description(best));
  }

  reveal(step) {
    const [px, py] = [this.graph.x[step] * this.scale + this.left, this.graph.y[step] * this.scale + this.top];
    const dx = px < 10 ? 40 - px : px + WIDTH * this.scale > this.view.width ? this.view.width - WIDTH * this.scale - 40 - px : 0;
    const dy = py < 10 ? 40 - py : py + HEIGHT * this.scale > this.view.height ? this.view.height - HEIGHT * this.scale - 40 - py : 0;
    if (dx || dy) this.pan(dx, dy);
  }
}

const DASHED = new Set(["guessed", "gone", "pending", "skipped"]);

/** `15 steps, 1 to be unrolled, 2 skipped`. */
function inventory(relations) {
  const amount = relation => relations.filter(one => one === relation).length;
  const [pending, skipped] = [amount("pending"), amount("skipped")];
  return `${relations.length - pending - skipped} steps${pending ? `, ${pending} to be unrolled` : ""}${skipped ? `, ${skipped} skipped` : ""}`;
}

export const RELATIONS = {
  same: "guessed as planned", moved: "guessed at another position", changed: "guessed otherwise",
  planned: "not guessed", guessed: "only guessed", gone: "in a former plan only",
  pending: "planned once an output is known", skipped: "not run",
};
