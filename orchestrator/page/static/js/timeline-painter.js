// Draws one frame of the timeline. Times are seconds, places are pixels.
import {fitted} from "./canvas.js";
import {node, seconds} from "./format.js";
import {BESIDE, CRITICAL, KIND, LIVE, SPECULATIVE} from "./worker/kinds.js";

export const ROW = 18;
export const HEAD = 30;
const BAR = 14;
const LEAST_WIDTH = 2;
// Half of what the label of a tick takes.
const TICK_ROOM = 24;

export class Painter {
  /** What a frame is made of: context, width, height, colours, axis, run, names, selected, gutter, nowS. */
  constructor(frame) {
    Object.assign(this, frame);
  }

  paint(lanes, scroll) {
    const {context, width, height} = this;
    this.drawGround();
    context.save();
    context.beginPath();
    context.rect(0, HEAD, width, height - HEAD);
    context.clip();
    for (const lane of lanes) {
      const top = HEAD + lane.top - scroll;
      if (top <= height && top + lane.rows * ROW >= HEAD) this.drawLane(lane, top);
    }
    context.restore();
    this.drawMarks();
  }

  drawGround() {
    const {context, colours, width, height} = this;
    const {plan} = this.run.marks;
    context.font = `11px ${colours.sans}`;
    context.textBaseline = "middle";
    if (plan !== null) {
      context.globalAlpha = 0.07;
      context.fillStyle = colours.arrival;
      const from = Math.max(this.gutter, this.axis.x(0));
      context.fillRect(from, HEAD, Math.max(0, this.axis.x(plan) - from), height - HEAD);
      context.globalAlpha = 1;
    }
    context.strokeStyle = colours.line;
    context.fillStyle = colours.soft;
    context.lineWidth = 1;
    context.beginPath();
    const label = plan === null ? null : this.labelAt(plan, planText(plan));
    for (const at of this.axis.ticks()) {
      const x = Math.round(this.axis.x(at)) + 0.5;
      if (x < this.gutter) continue;
      context.moveTo(x, HEAD);
      context.lineTo(x, height);
      context.textAlign = "center";
      if (!label || x < label.left - TICK_ROOM || x > label.left + label.wide + TICK_ROOM) context.fillText(this.axis.label(at), x, HEAD / 2);
    }
    context.moveTo(0, HEAD - 0.5);
    context.lineTo(width, HEAD - 0.5);
    context.stroke();
    for (const [from, to] of this.axis.breaks) this.drawBreak(from, to);
  }

  drawBreak(from, to) {
    const {context, colours, height} = this;
    const left = Math.max(this.gutter, this.axis.x(from));
    const right = this.axis.x(to);
    if (right <= left) return;
    context.fillStyle = colours.wash;
    context.fillRect(left, HEAD, right - left, height - HEAD);
    context.fillStyle = colours.soft;
    context.save();
    context.translate((left + right) / 2, Math.min(height - 10, HEAD + 70));
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillText(`${seconds(to - from)} idle`, 0, 0);
    context.restore();
  }

  drawLane(lane, top) {
    const {context, colours, width, height} = this;
    const gutter = this.gutter;
    context.fillStyle = colours.line;
    context.fillRect(0, Math.round(top - 4), width, 1);
    context.textAlign = "left";
    const label = Math.max(top, HEAD);
    context.fillStyle = colours.ink;
    context.fillText(fitted(context, lane.agent, gutter - 12, 6.3), 8, label + ROW / 2 - 1);
    context.fillStyle = colours.soft;
    if (lane.rows > 1) context.fillText(fitted(context, node(lane.node), gutter - 12, 6.3), 8, label + ROW * 1.5 - 3);
    else if (gutter > 100) {
      context.textAlign = "right";
      const left = gutter - 14 - lane.agent.length * 6.3;
      context.fillText(fitted(context, node(lane.node), left, 6.3), gutter - 8, label + ROW / 2 - 1);
    }
    const first = Math.max(0, Math.floor((HEAD - top) / ROW));
    const last = Math.min(lane.rows, Math.ceil((height - top) / ROW));
    context.save();
    context.beginPath();
    context.rect(gutter, HEAD, width - gutter, height - HEAD);
    context.clip();
    for (let row = first; row < last; row += 1) this.drawRow(lane.first + row, top + row * ROW);
    context.restore();
  }

  drawRow(row, y) {
    const {width} = this;
    const {rowStart, dispatchedS, startedS, endedS} = this.run.timeline;
    for (let index = rowStart[row]; index < rowStart[row + 1]; index += 1) {
      const end = Number.isNaN(endedS[index]) ? this.nowS : endedS[index];
      const waits = Number.isNaN(startedS[index]);
      const x0 = this.axis.x(dispatchedS[index]);
      const x1 = this.axis.x(waits ? end : startedS[index]);
      const x2 = waits ? x1 : Math.max(this.axis.x(end), x1 + LEAST_WIDTH);
      if (x2 < this.gutter || x0 > width) continue;
      this.drawBar(index, [x0, x1, x2], y);
    }
  }

  drawBar(index, [x0, x1, x2], y) {
    const {context, colours} = this;
    const {kind, flags, step} = this.run.timeline;
    const colour = colours.kinds[kind[index]];
    if (x1 - x0 >= 1) {
      context.fillStyle = colours.waiting;
      context.fillRect(x0, y + BAR / 2 - 1.5, x1 - x0, 3);
    }
    if (x2 > x1) {
      context.fillStyle = colour;
      context.fillRect(x1, y, x2 - x1, BAR);
      if (flags[index] & SPECULATIVE) this.drawAhead(x1, x2, y);
      if (flags[index] & LIVE) {
        context.globalAlpha = 0.45;
        context.fillStyle = colours.card;
        context.fillRect(x2 - 3, y, 3, BAR);
        context.globalAlpha = 1;
      }
      if (kind[index] === KIND.flush) this.drawCross(x2, y);
      this.drawLabel(step[index], [x1, x2], y, colour);
    }
    if (flags[index] & BESIDE) this.drawBeside(x1, x2, y);
    if (flags[index] & CRITICAL) {
      context.fillStyle = colours.ink;
      context.fillRect(x1, y + BAR, Math.max(LEAST_WIDTH, x2 - x1), 2);
    }
    if (step[index] === this.selected) {
      context.strokeStyle = colours.focus;
      context.lineWidth = 2;
      context.strokeRect(x1 - 1, y - 1, Math.max(4, x2 - x1) + 2, BAR + 2);
    }
  }

  /** Stripes over what ran before the optimal plan arrived. */
  drawAhead(x1, x2, y) {
    const {context, colours} = this;
    const until = this.run.marks.plan === null ? x2 : Math.min(x2, this.axis.x(this.run.marks.plan));
    const from = Math.max(x1, 0);
    if (until - from < 4) return;
    context.globalAlpha = 0.4;
    context.fillStyle = this.stripes();
    context.fillRect(from, y, until - from, BAR);
    context.globalAlpha = 1;
  }

  /** A dashed frame around a hedge or a standby. */
  drawBeside(x1, x2, y) {
    const {context, colours} = this;
    context.strokeStyle = colours.ink;
    context.lineWidth = 1;
    context.setLineDash([3, 2]);
    context.strokeRect(x1 + 0.5, y + 0.5, Math.max(LEAST_WIDTH, x2 - x1) - 1, BAR - 1);
    context.setLineDash([]);
  }

  stripes() {
    const {context, colours} = this;
    if (colours.stripes) return colours.stripes;
    const tile = new OffscreenCanvas(6, 6);
    const brush = tile.getContext("2d");
    brush.strokeStyle = colours.card;
    brush.lineWidth = 1.5;
    brush.beginPath();
    for (const shift of [-6, 0, 6]) {
      brush.moveTo(shift, 6);
      brush.lineTo(shift + 6, 0);
    }
    brush.stroke();
    return colours.stripes = context.createPattern(tile, "repeat");
  }

  drawCross(x, y) {
    const {context, colours} = this;
    context.strokeStyle = colours.kinds[KIND.flush];
    context.lineWidth = 2;
    context.beginPath();
    context.moveTo(x + 2, y + 3);
    context.lineTo(x + 10, y + BAR - 3);
    context.moveTo(x + 10, y + 3);
    context.lineTo(x + 2, y + BAR - 3);
    context.stroke();
  }

  drawLabel(step, [x1, x2], y, colour) {
    const {context, colours} = this;
    const left = Math.max(x1, this.gutter) + 5;
    const text = fitted(context, this.names?.id[step] ?? "", x2 - left - 4, 6.9);
    if (!text) return;
    context.textAlign = "left";
    // Its own colour around the letters takes the stripes away behind them.
    context.lineWidth = 4;
    context.lineJoin = "round";
    context.strokeStyle = colour;
    context.strokeText(text, left, y + BAR / 2 + 0.5);
    context.fillStyle = colours.card;
    context.fillText(text, left, y + BAR / 2 + 0.5);
  }

  drawMarks() {
    const {context, colours, height} = this;
    const {guess, plan, end} = this.run.marks;
    const line = (at, colour, text) => {
      const x = this.axis.x(at);
      if (x < this.gutter || x > this.width) return;
      context.fillStyle = colour;
      context.fillRect(Math.round(x) - 1, HEAD - 4, 2, height);
      if (!text) return;
      const {left, wide} = this.labelAt(at, text);
      context.fillRect(left, 3, wide, HEAD - 10);
      context.fillStyle = colours.card;
      context.textAlign = "left";
      context.fillText(text, left + 6, HEAD / 2 - 1);
    };
    if (guess !== null && (plan === null || this.axis.x(plan) - this.axis.x(guess) > 3)) line(guess, colours.accent, "");
    if (end !== null && end !== undefined) line(end, colours.ink, "");
    if (plan !== null) line(plan, colours.arrival, planText(plan));
  }

  /** Where a label of a moment stands: above it, but within the plot. */
  labelAt(at, text) {
    const wide = this.context.measureText(text).width + 12;
    return {wide, left: Math.min(Math.max(this.gutter, this.axis.x(at) - wide / 2), this.width - wide - 2)};
  }
}

function planText(plan) {
  return `optimal plan ${seconds(plan)}`;
}
