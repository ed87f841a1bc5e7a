// What the steps of a task have written to its context, version by version, and what its agents have told each other.
import {json, taskPath} from "./api.js";
import {h, say} from "./dom.js";
import {bytes, plural, seconds} from "./format.js";
import {Rows} from "./rows.js";

const AGAIN_MS = 3000;
const MOST_CHARACTERS = 400;

export class Context {
  constructor(parent, {id, select}) {
    this.id = id;
    this.asking = new AbortController();
    this.found = h("span", {class: "soft", role: "status"});
    this.told = h("span", {class: "soft", role: "status"});
    this.element = h("div", {class: "steps context"}, h("div", {class: "plot-tools"}, this.found));
    parent.append(this.element);
    const text = of => (cell, one) => say(cell, of(one));
    const cut = of => (cell, one) => { const whole = of(one); say(cell, whole); cell.title = whole; };
    this.versions = new Rows(this.element, {
      label: "Context", open: one => select(one.step),
      columns: [
        {title: "Key", width: "minmax(90px, 160px)", fill: text(one => one.key)},
        {title: "Version", width: "72px", kind: "n", fill: text(one => `${one.version}${one.staged ? " staged" : ""}`)},
        {title: "Step", width: "minmax(90px, 180px)", kind: "soft wide-only", fill: text(one => one.step)},
        {title: "Written", width: "84px", kind: "n wide-only", fill: text(one => seconds(one.at_s))},
        {title: "Value", width: "minmax(140px, 1fr)", kind: "line", fill: cut(shown)},
      ],
    });
    this.element.append(h("div", {class: "plot-tools"}, this.told));
    this.messages = new Rows(this.element, {
      label: "Messages", open: one => select(one.step),
      columns: [
        {title: "Message", width: "minmax(100px, 200px)", narrow: "minmax(0, 1fr)", fill: text(one => one.id)},
        {title: "Topic", width: "minmax(100px, 1fr)", narrow: "minmax(0, 1fr)", fill: text(one => one.reply_to ? `answer to ${one.reply_to}` : one.topic)},
        {title: "Step", width: "minmax(90px, 180px)", kind: "soft wide-only", fill: text(one => one.step)},
        {title: "Size", width: "84px", narrow: "60px", kind: "n", fill: text(one => bytes(one.size_bytes))},
        {title: "Delivered", width: "96px", narrow: "70px", kind: "n", fill: text(one => one.at_s === null ? "staged" : seconds(one.at_s))},
      ],
    });
  }

  close() {
    this.asking.abort();
    clearTimeout(this.timer);
    this.versions.close();
    this.messages.close();
  }

  /** The run has changed: ask again, but not all the time. */
  update(run) {
    if (run.seq === this.seq || this.timer) return;
    const first = this.seq === undefined;
    this.timer = setTimeout(() => { this.timer = null; this.seq = this.latest; this.load(); }, first || run.ended ? 0 : AGAIN_MS);
    this.latest = run.seq;
  }

  async load() {
    const {signal} = this.asking;
    try {
      const context = await json(taskPath(this.id, "context"), {signal});
      const messages = context.messages ?? [];
      say(this.found, context.versions.length ? `${plural(context.versions.length, "version")} in the context` : "No step has written to the context.");
      say(this.told, messages.length ? plural(messages.length, "message") : "No agent has published a message.");
      this.versions.show(context.versions);
      this.messages.show(messages);
      this.versions.element.hidden = !context.versions.length;
      this.messages.element.hidden = !messages.length;
    } catch (error) {
      if (!signal.aborted) say(this.found, error.message);
    }
  }
}

/** The beginning of a value. */
function shown({value, in_output: inOutput, step}) {
  if (inOutput) return `large; in the output of ${step}`;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
}
