// The timeline: attempts in lanes by node and agent, waiting apart from working, drawn on a canvas.
import {Canvas, pointers} from "./canvas.js";
import {h, icon, say} from "./dom.js";
import {seconds} from "./format.js";
import {Axis} from "./axis.js";
import {HEAD, Painter, ROW} from "./timeline-painter.js";
import {BESIDE, CRITICAL, KINDS, LIVE} from "./worker/kinds.js";

const MOST_HEIGHT = 620;

export class Timeline {
  constructor(parent, {select}) {
    this.select = select;
    this.run = null;
    this.axis = new Axis();
    this.selected = -1;
    this.canvas = h("canvas", {class: "plot", tabindex: 0, role: "application", "aria-label": "Timeline of attempts. Arrow keys move between attempts, Enter opens the step; the tab Steps lists the same."});
    this.spacer = h("div", {class: "spacer"});
    this.scroller = h("div", {class: "plot-scroll", on: {scroll: () => this.view.ask()}}, this.canvas, this.spacer);
    this.tip = h("div", {class: "tip", hidden: true});
    this.compress = h("input", {type: "checkbox", checked: true, on: {change: () => this.relayout()}});
    this.idleLabel = h("label", {class: "check", hidden: true}, this.compress, "Compress idle time");
    this.legend = h("div", {class: "legend"});
    this.element = h("div", {class: "plot-box"},
      h("div", {class: "plot-tools"}, this.legend, this.idleLabel, h("span", {class: "zoom"},
        tool("minus", "Zoom out", () => this.zoom(1 / 1.5)), tool("plus", "Zoom in", () => this.zoom(1.5)), tool("fit", "Zoom to fit", () => this.fit()))),
      this.scroller, this.tip);
    parent.append(this.element);
    this.view = new Canvas(this.canvas, (context, width, height, colours) => this.draw(context, width, height, colours));
    this.view.onresize = () => this.axis.resize(this.gutter(), this.view.width - 12);
    pointers(this.canvas, {
      pan: (dx, dy) => { this.axis.pan(dx); this.scroller.scrollTop -= dy; this.view.ask(); },
      zoom: (factor, x) => { this.axis.zoom(factor, x); this.view.ask(); },
      tap: (x, y) => this.tapped(x, y), hover: (x, y) => this.hover(x, y),
    });
    this.canvas.addEventListener("wheel", event => this.wheel(event), {passive: false});
    this.canvas.addEventListener("keydown", event => this.key(event));
  }

  close() {
    this.view.close();
    clearTimeout(this.ticking);
  }

  gutter() {
    return this.view.width < 560 ? 92 : 190;
  }

  /** New columns of the run. */
  update(run) {
    const grown = this.run?.timeline.rows !== run.timeline.rows;
    this.run = run;
    this.received = performance.now();
    if (grown) {
      const height = HEAD + this.tops().total + 8;
      this.spacer.style.height = `${Math.max(0, height)}px`;
      this.scroller.style.height = `${Math.min(height + 2, MOST_HEIGHT)}px`;
    }
    this.idleLabel.hidden = !run.timeline.idle.length;
    this.drawLegend();
    this.relayout();
    this.tick();
  }

  relayout() {
    this.axis.extend(Math.max(this.nowS(), this.run.marks.plan ?? 0), this.compress.checked ? this.run.timeline.idle : []);
    this.view.ask();
  }

  /** Bars of running attempts grow between two messages. */
  tick() {
    clearTimeout(this.ticking);
    if (this.run.ended || !this.element.isConnected) return;
    this.ticking = setTimeout(() => { if (this.element.offsetParent) this.relayout(); this.tick(); }, 250);
  }

  nowS() {
    return this.run.ended ? this.run.marks.end ?? this.run.atS : this.run.atS + (performance.now() - this.received) / 1000;
  }

  /** Where lanes begin: each has a little room above it. */
  tops() {
    let top = 0;
    const lanes = this.run.timeline.lanes.map(lane => {
      const shown = {...lane, top: top + 4};
      top += lane.rows * ROW + 8;
      return shown;
    });
    return {lanes, total: top};
  }

  drawLegend() {
    const used = new Set(this.run.timeline.kind);
    const beside = this.run.timeline.flags.some(flags => flags & BESIDE);
    const key = `${[...used].sort().join()} ${beside}`;
    if (key === this.legendKey) return;
    this.legendKey = key;
    const entry = (kind, text) => h("span", {}, h("i", {class: "swatch", data: {kind}}), text);
    this.legend.replaceChildren(...KINDS.filter((_, index) => used.has(index)).map(kind => entry(kind.name, kind.text)),
      entry("queued", "waits for room"), entry("ahead", "before the plan"), entry("critical", "critical path"), beside ? entry("beside", "hedge or standby") : "");
  }

  draw(context, width, height, colours) {
    context.fillStyle = colours.card;
    context.fillRect(0, 0, width, height);
    if (!this.run) return;
    this.axis.resize(this.gutter(), width - 12);
    const {lanes} = this.tops();
    const scroll = this.scroller.scrollTop;
    this.layout = {lanes, scroll};
    const {axis, run, names, selected} = this;
    new Painter({context, width, height, colours, axis, run, names, selected, gutter: this.gutter(), nowS: this.nowS()}).paint(lanes, scroll);
  }

  // ---- moving about

  fit() {
    this.axis.fit();
    this.view.ask();
  }

  zoom(factor) {
    this.axis.zoom(factor, (this.gutter() + this.view.width) / 2);
    this.view.ask();
  }

  wheel(event) {
    if (event.ctrlKey || event.metaKey) this.axis.zoom(Math.exp(-event.deltaY / 300), event.offsetX);
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.axis.pan(-(event.deltaX || event.deltaY));
    else return;
    event.preventDefault();
    this.view.ask();
  }

  rowAt(y) {
    if (!this.layout || y < HEAD) return -1;
    const at = y - HEAD + this.layout.scroll;
    const lane = this.layout.lanes.find(one => at >= one.top - 4 && at < one.top + one.rows * ROW + 4);
    return lane ? lane.first + Math.min(lane.rows - 1, Math.max(0, Math.floor((at - lane.top) / ROW))) : -1;
  }

  attemptAt(x, y) {
    const row = this.rowAt(y);
    if (row < 0) return -1;
    const {rowStart, dispatchedS, endedS} = this.run.timeline;
    for (let index = rowStart[row + 1] - 1; index >= rowStart[row]; index -= 1) {
      const end = Number.isNaN(endedS[index]) ? this.nowS() : endedS[index];
      if (x >= this.axis.x(dispatchedS[index]) - 3 && x <= Math.max(this.axis.x(end), this.axis.x(dispatchedS[index]) + 4) + 3) return index;
    }
    return -1;
  }

  tapped(x, y) {
    const index = this.attemptAt(x, y);
    if (index >= 0) this.choose(this.run.timeline.step[index], true);
  }

  choose(step, open) {
    this.selected = step;
    this.view.ask();
    if (open) this.select(step);
  }

  hover(x, y) {
    const index = x === null ? -1 : this.attemptAt(x, y);
    this.tip.hidden = index < 0;
    this.canvas.style.cursor = index < 0 ? "default" : "pointer";
    if (index < 0) return;
    say(this.tip, this.description(index));
    this.tip.style.left = `${Math.max(4, Math.min(x + 14, this.view.width - 270))}px`;
    this.tip.style.top = `${this.scroller.offsetTop + y + 18}px`;
  }

  description(index) {
    const {dispatchedS, startedS, endedS, kind, flags, step} = this.run.timeline;
    const place = step[index];
    const end = Number.isNaN(endedS[index]) ? this.nowS() : endedS[index];
    const waits = Number.isNaN(startedS[index]);
    const lines = [this.names?.id[place] ?? "", KINDS[kind[index]].text + (flags[index] & CRITICAL ? ", on the critical path" : "")];
    if (waits) lines.push(`waits since ${seconds(dispatchedS[index])}`);
    else {
      lines.push(`works ${seconds(end - startedS[index])}, from ${seconds(startedS[index])} to ${flags[index] & LIVE ? "now" : seconds(end)}`);
      if (startedS[index] - dispatchedS[index] > 0.0005) lines.push(`waited ${seconds(startedS[index] - dispatchedS[index])} for room`);
    }
    return lines.join("\n");
  }

  key(event) {
    const {timeline} = this.run ?? {};
    if (!timeline?.step.length) return;
    if (event.key === "+" || event.key === "=") this.zoom(1.5);
    else if (event.key === "-") this.zoom(1 / 1.5);
    else if (event.key === "0") this.fit();
    else if (event.key === "Enter" && this.selected >= 0) this.select(this.selected);
    else if (event.key.startsWith("Arrow")) this.step(event.key);
    else return;
    event.preventDefault();
  }

  /** Select the next attempt in the row, or the nearest in the next row. */
  step(key) {
    const {step, rowStart, dispatchedS, rows} = this.run.timeline;
    const at = step.indexOf(this.selected);
    if (at < 0) return this.reveal(0);
    let row = 0;
    while (rowStart[row + 1] <= at) row += 1;
    if (key === "ArrowRight") return this.reveal(Math.min(at + 1, step.length - 1));
    if (key === "ArrowLeft") return this.reveal(Math.max(at - 1, 0));
    const next = row + (key === "ArrowDown" ? 1 : -1);
    if (next < 0 || next >= rows) return undefined;
    let best = rowStart[next];
    for (let index = best; index < rowStart[next + 1]; index += 1) {
      if (Math.abs(dispatchedS[index] - dispatchedS[at]) < Math.abs(dispatchedS[best] - dispatchedS[at])) best = index;
    }
    return this.reveal(best);
  }

  reveal(index) {
    const {step, rowStart, dispatchedS} = this.run.timeline;
    this.choose(step[index], false);
    this.axis.reveal(dispatchedS[index]);
    let row = 0;
    while (rowStart[row + 1] <= index) row += 1;
    const lane = this.tops().lanes.findLast(one => one.first <= row);
    const top = lane.top + (row - lane.first) * ROW;
    if (top < this.scroller.scrollTop || top > this.scroller.scrollTop + this.view.height - HEAD - ROW) this.scroller.scrollTop = top - this.view.height / 2;
    say(document.getElementById("announcer"), this.description(index));
  }
}

export function tool(glyph, label, work) {
  return h("button", {type: "button", class: "icon", "aria-label": label, title: label, on: {click: work}}, icon(glyph));
}

