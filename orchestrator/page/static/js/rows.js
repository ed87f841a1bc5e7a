// A table of many rows of one height: only those in view are in the document.
import {h} from "./dom.js";

const SPARE = 8;

export class Rows {
  /**
   * `columns`: `{title, kind, width, narrow, fill(cell, item)}`; `narrow` is the width on a phone, if it is another one there.
   * `open(item)` is called for Enter and clicks; `label` names the table.
   */
  constructor(parent, {columns, open, label, height = 34}) {
    this.columns = columns;
    this.open = open;
    this.height = height;
    this.name = label.toLowerCase().replaceAll(" ", "-");
    this.items = [];
    this.active = 0;
    this.pool = new Map();
    const grid = columns.map(column => column.width).join(" ");
    const narrow = columns.filter(column => !column.kind?.includes("wide-only")).map(column => column.narrow ?? column.width).join(" ");
    this.head = h("div", {class: "vrow vhead", role: "row"},
      columns.map(column => h("div", {role: "columnheader", class: column.kind ?? ""}, column.title)));
    this.body = h("div", {class: "vbody", role: "rowgroup"});
    this.element = h("div", {class: "vtable", role: "grid", "aria-label": label, tabindex: 0, style: {"--grid": grid, "--narrow-grid": narrow}, on: {scroll: () => this.ask(), keydown: event => this.key(event)}},
      h("div", {role: "rowgroup", class: "vheads"}, this.head), this.body);
    parent.append(this.element);
    this.sized = new ResizeObserver(() => this.ask());
    this.sized.observe(this.element);
  }

  close() {
    cancelAnimationFrame(this.asked);
    this.sized.disconnect();
  }

  /** Show these items. */
  show(items) {
    this.items = items;
    this.active = Math.min(this.active, Math.max(0, items.length - 1));
    this.body.style.height = `${items.length * this.height}px`;
    this.element.setAttribute("aria-rowcount", items.length + 1);
    this.ask();
  }

  ask() {
    this.asked ||= requestAnimationFrame(() => { this.asked = 0; this.draw(); });
  }

  draw() {
    const first = Math.max(0, Math.floor(this.element.scrollTop / this.height) - SPARE);
    const last = Math.min(this.items.length, Math.ceil((this.element.scrollTop + this.element.clientHeight) / this.height) + SPARE);
    for (const [index, row] of this.pool) {
      if (index >= first && index < last) continue;
      row.remove();
      this.pool.delete(index);
    }
    for (let index = first; index < last; index += 1) {
      let row = this.pool.get(index);
      if (!row) {
        this.pool.set(index, row = this.row(index));
        this.body.append(row);
      }
      this.columns.forEach((column, at) => column.fill(row.children[at], this.items[index]));
      row.setAttribute("aria-selected", index === this.active);
    }
    this.element.setAttribute("aria-activedescendant", this.pool.get(this.active)?.id ?? "");
  }

  row(index) {
    const row = h("div", {class: "vrow", role: "row", id: `${this.name}-row-${index}`, "aria-rowindex": index + 2, style: {top: `${index * this.height}px`, height: `${this.height}px`}},
      this.columns.map(column => h("div", {role: "gridcell", class: column.kind ?? ""})));
    row.addEventListener("click", () => { this.active = index; this.draw(); this.open(this.items[index]); });
    return row;
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.height) - 2);
    const move = {ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity}[event.key];
    if (event.key === "Enter" && this.items.length) this.open(this.items[this.active]);
    else if (move === undefined) return;
    else this.move(Math.min(this.items.length - 1, Math.max(0, this.active + move)));
    event.preventDefault();
  }

  move(index) {
    this.active = index;
    const top = index * this.height;
    const room = this.element.clientHeight - 2 * this.height;
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    else if (top > this.element.scrollTop + room) this.element.scrollTop = top - room;
    this.draw();
  }
}
