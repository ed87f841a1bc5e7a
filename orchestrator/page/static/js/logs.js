// What the attempts of a task have printed and logged, as it comes.
import {json, taskPath} from "./api.js";
import {h, say} from "./dom.js";
import {percent, plural} from "./format.js";
import {Rows} from "./rows.js";

const LEVELS = ["debug", "info", "warning", "error", "critical"];
const PAGE = 1000;
const WAIT_S = 5;
const RETRY_MS = 2000;
const MOST_LINES = 20000;

export class Logs {
  constructor(parent, {id, step, select}) {
    this.id = id;
    this.lines = [];
    this.level = h("select", {"aria-label": "Least severe level", on: {change: () => this.restart()}}, LEVELS.map(level => h("option", {value: level}, `${level} and above`)));
    this.step = h("input", {type: "search", placeholder: "Step", "aria-label": "Only lines of this step", value: step || null, on: {change: () => this.restart()}});
    this.found = h("span", {class: "soft", role: "status"});
    this.tail = h("input", {type: "checkbox", checked: true});
    this.element = h("div", {class: "steps logs"}, h("div", {class: "plot-tools"}, this.level, this.step, h("label", {class: "check"}, this.tail, "Follow"), this.found));
    parent.append(this.element);
    const text = of => (cell, line) => say(cell, of(line));
    this.rows = new Rows(this.element, {
      label: "Log lines", height: 24, open: line => select(line.step),
      columns: [
        {title: "Time", width: "96px", kind: "soft", fill: text(line => time(line.logged_at_s))},
        {title: "Level", width: "64px", fill: (cell, line) => { say(cell, line.stream === "stdout" || line.stream === "stderr" ? line.stream : line.level); cell.dataset.level = line.level; }},
        {title: "Step", width: "minmax(60px, 140px)", kind: "soft wide-only", fill: (cell, line) => { say(cell, origin(line)); cell.title = `attempt ${line.attempt}`; }},
        {title: "Line", width: "minmax(120px, 1fr)", kind: "line", fill: (cell, line) => { say(cell, line.text); cell.title = line.text; }},
      ],
    });
    this.restart();
  }

  close() {
    this.asking.abort();
    this.rows.close();
  }

  update() { /* lines come by a request of their own */ }

  restart() {
    this.asking?.abort();
    this.asking = new AbortController();
    this.lines = [];
    this.follow(this.asking.signal);
  }

  async follow(signal) {
    let after = 0;
    for (let first = true; !signal.aborted; first = false) {
      try {
        const parameters = {level: this.level.value, step: this.step.value.trim(), limit: PAGE, ...(first ? {tail: true} : {after, wait_s: WAIT_S})};
        const page = await json(taskPath(this.id, "logs"), {parameters, signal});
        this.take(page.lines);
        after = page.next_after;
        if (page.ended && !page.lines.length) return;
        if (page.ended && first) return;
      } catch (error) {
        if (signal.aborted) return;
        say(this.found, error.message);
        await new Promise(resolve => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  take(lines) {
    this.lines = [...this.lines, ...lines.flatMap(rowsOf)].slice(-MOST_LINES);
    say(this.found, this.lines.length ? plural(this.lines.length, "line") : "Nothing was printed or logged yet.");
    this.rows.show(this.lines);
    if (this.tail.checked && lines.length) this.rows.move(this.lines.length - 1);
  }
}

function time(at) {
  const date = new Date(at * 1000);
  return `${date.toLocaleTimeString("en-GB")}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** The step, and which attempt of the task it was: `forerun logs` writes the same. */
function origin(line) {
  return `${line.step}#${line.attempt.split(/[.#]/).pop()}`;
}

/** A row for each line of text: a record with a traceback has several. */
function rowsOf(line) {
  return shown(line).split("\n").map(text => ({...line, text}));
}

/** The text, after the name of its logger or artefact and the share that is done. */
function shown({logger, done, text}) {
  return `${logger ? `${logger}: ` : ""}${(done ?? null) === null ? "" : `${percent(done)} `}${text}`;
}

/** The last lines of one step. */
export async function lastLines(id, step, most = 40) {
  const page = await json(taskPath(id, "logs"), {parameters: {step, limit: most, tail: true}});
  return page.lines.map(line => `${time(line.logged_at_s)} ${line.stream === "logging" ? line.level : line.stream} ${shown(line)}`).join("\n");
}
