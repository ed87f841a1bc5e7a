// The time axis: seconds to pixels, with long idle spans compressed, and the part of it that is in view.

import {seconds} from "./format.js";

const BREAK_SHARE = 0.035;

export class Axis {
  constructor() {
    this.left = 0;
    this.right = 1;
    this.whole = 1e-3;
    this.breaks = [];
    this.pieces = [];
    this.from = 0;  // the part in view, in compressed seconds
    this.until = 1e-3;
    this.fitted = true;
  }

  resize(left, right) {
    this.left = left;
    this.right = Math.max(left + 10, right);
  }

  /** The axis ends at `end` seconds; `breaks` are the spans, [from, to], that are compressed. */
  extend(end, breaks) {
    const idle = breaks.reduce((sum, [from, to]) => sum + to - from, 0);
    const busy = Math.max(end - idle, 1e-3);
    const width = busy * BREAK_SHARE;
    this.pieces = [];
    let at = 0;
    let shown = 0;
    for (const [from, to] of breaks) {
      this.pieces.push({at, shown, scale: 1});
      shown += from - at;
      this.pieces.push({at: from, shown, scale: width / (to - from)});
      shown += width;
      at = to;
    }
    this.pieces.push({at, shown, scale: 1});
    this.breaks = breaks;
    this.whole = Math.max(1e-3, (shown + end - at) * 1.02);
    if (this.fitted) this.fit();
  }

  compressed(at) {
    let index = this.pieces.length - 1;
    while (index > 0 && this.pieces[index].at > at) index -= 1;
    const piece = this.pieces[index] ?? {at: 0, shown: 0, scale: 1};
    return piece.shown + (at - piece.at) * piece.scale;
  }

  x(at) {
    return this.left + (this.right - this.left) * (this.compressed(at) - this.from) / (this.until - this.from);
  }

  fit() {
    this.from = 0;
    this.until = this.whole;
    this.fitted = true;
  }

  zoom(factor, x) {
    const span = this.until - this.from;
    const middle = this.from + span * Math.min(1, Math.max(0, (x - this.left) / (this.right - this.left)));
    const next = Math.min(this.whole, Math.max(this.whole / 1e5, span / factor));
    this.from = middle - (middle - this.from) * next / span;
    this.until = this.from + next;
    this.clamp();
  }

  pan(pixels) {
    const shift = -pixels * (this.until - this.from) / (this.right - this.left);
    this.from += shift;
    this.until += shift;
    this.clamp();
  }

  reveal(at) {
    const wanted = this.compressed(at);
    if (wanted >= this.from && wanted <= this.until) return;
    const span = this.until - this.from;
    this.from = wanted - span / 4;
    this.until = this.from + span;
    this.clamp();
  }

  clamp() {
    const span = Math.min(this.until - this.from, this.whole);
    this.from = Math.min(Math.max(0, this.from), this.whole - span);
    this.until = this.from + span;
    this.fitted = span >= this.whole * 0.999;
  }

  /** The text of a tick: as exact as the ticks are apart. */
  label(at) {
    const step = this.step ?? 1;
    const digits = step < 1 ? Math.min(3, Math.ceil(-Math.log10(step) - 1e-9)) : 0;
    if (at < 60) return step < 0.001 ? seconds(at) : `${at.toFixed(digits)} s`;
    if (step >= 60) return seconds(at);
    const rest = (at % 60).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
    const minutes = Math.floor(at / 60);
    return at < 3600 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
  }

  /** Round moments in view (1, 2 or 5 times a power of ten), some 90 pixels apart, none within a break. */
  ticks() {
    const span = this.until - this.from;
    const rough = Math.max(span * 90 / (this.right - this.left), 1e-6);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map(factor => factor * power).find(size => size >= rough);
    const found = [];
    this.step = step;
    this.pieces.forEach((piece, index) => {
      if (piece.scale !== 1) return;
      const next = this.pieces[index + 1]?.at ?? piece.at + this.whole;
      const begin = Math.max(piece.at, piece.at + this.from - piece.shown);
      const end = Math.min(next, piece.at + this.until - piece.shown);
      for (let at = Math.ceil(begin / step - 1e-9) * step; at <= end + 1e-9; at += step) found.push(Math.abs(at) < step / 1e6 ? 0 : at);
    });
    return found;
  }
}
