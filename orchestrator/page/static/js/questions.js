// What a task asks people: whether an act in doubt has happened, approvals, and messages from outside.
import {json, taskPath} from "./api.js";
import {announce, h, keyed, say} from "./dom.js";
import {acting} from "./task-actions.js";

export class Questions {
  /** `answered(view)` is called with the task after an answer. */
  constructor(id, {select, answered}) {
    Object.assign(this, {id, select, answered});
    this.element = h("div");
  }

  /** Show the questions of a task; what somebody is typing stays. */
  update(view) {
    const doubts = view.in_doubt.map(doubt => ({...doubt, asks: "doubt"}));
    const answers = view.waiting.filter(reason => reason.kind === "answer").map(reason => ({...reason, asks: reason.agent === "forerun.callback" ? "callback" : "approval"}));
    keyed(this.element, [...doubts, ...answers], one => `${one.attempt} ${one.asks}`, one => this.box(one), (box, one) => this.renew(box, one));
  }

  box(one) {
    const make = {doubt: () => this.doubt(one), approval: () => this.approval(one), callback: () => this.callback(one)}[one.asks];
    return h("section", {class: "box warn question", "aria-label": `Question of step ${one.step}`}, make());
  }

  renew(box, {asks, verifying}) {
    if (asks !== "doubt") return;
    box.querySelector("form").hidden = verifying;
    box.querySelector(".verifying").hidden = !verifying;
  }

  doubt(one) {
    const output = area("What it returned, as JSON (optional)");
    const happened = choice("happened", "It has happened", true, () => { output.hidden = false; });
    const not = choice("happened", "It has not happened", false, () => { output.hidden = true; });
    return [
      h("p", {}, h("b", {}, "Step ", this.step(one.step), " is in doubt: "), one.reason || "its process was lost, and it may have acted."),
      h("p", {class: "verifying"}, "Its verify hook is being asked."),
      form([h("div", {class: "choices", role: "radiogroup", "aria-label": "Whether the act has happened"}, happened, not), output, by()], [["Record", true]],
        fields => this.send("resolutions", one.step, {happened: fields.happened === "true", ...given(fields), ...(fields.happened === "true" ? parsed(fields.output) : {})})),
      h("p", {class: "soft"}, "In a terminal: ", h("code", {}, `forerun resolve ${this.id} ${one.step}`)),
    ];
  }

  approval(one) {
    return [
      h("p", {}, h("b", {}, "Step ", this.step(one.step), " asks: "), question(one)),
      form([line("comment", "Comment (optional)"), by()], [["Approve", true], ["Reject", false]],
        (fields, approved) => this.send("approvals", one.step, {approved, comment: fields.comment, ...given(fields)})),
    ];
  }

  callback(one) {
    return [
      h("p", {}, h("b", {}, "Step ", this.step(one.step), " waits for a message: "), question(one)),
      form([area("The message, as JSON"), by()], [["Send", true]],
        fields => this.send("approvals", one.step, {...parsed(fields.output), ...given(fields)})),
    ];
  }

  step(step) {
    return h("button", {type: "button", class: "link", on: {click: () => this.select(step)}}, step);
  }

  async send(what, step, body) {
    const view = await json(taskPath(this.id, what, step), {method: "POST", body});
    announce("Recorded");
    this.answered(view);
  }
}

function question(reason) {
  return reason.message.replace(/^waiting for an answer: /, "");
}

/** A form whose buttons call `work(fields, value)`; what goes wrong is told, and the form stays as it is. */
function form(fields, buttons, work) {
  const element = h("form", {on: {submit: event => event.preventDefault()}}, fields, h("div", {class: "actions"}, buttons.map(([text, value], index) =>
    h("button", {type: index ? "button" : "submit", class: index ? "" : "primary", on: {click: event => {
      event.preventDefault();
      if (element.reportValidity()) acting(event.currentTarget, () => work(Object.fromEntries(new FormData(element)), value));
    }}}, text))));
  return element;
}

function choice(name, text, value, chosen) {
  return h("label", {class: "check"}, h("input", {type: "radio", name, value: String(value), required: true, on: {change: chosen}}), text);
}

function area(text) {
  return h("label", {class: "field"}, h("span", {}, text), h("textarea", {name: "output", rows: 3, spellcheck: "false"}));
}

function line(name, text) {
  return h("label", {class: "field"}, h("span", {}, text), h("input", {name, type: "text", maxlength: 2000}));
}

function by() {
  return h("label", {class: "field"}, h("span", {}, "Your name (optional)"), h("input", {name: "by", type: "text", maxlength: 200, autocomplete: "name"}));
}

function given(fields) {
  return fields.by.trim() ? {by: fields.by.trim()} : {};
}

function parsed(text) {
  if (!text.trim()) return {};
  try {
    return {output: JSON.parse(text)};
  } catch (error) {
    throw Object.assign(new Error(`This is not JSON: ${error.message}`), {fix: 'Put texts in quotes: "text".'});
  }
}

/** How fan-outs with a policy ended, and without what the workflow went on. Null where there is nothing to tell. */
export function partial(view, select) {
  const given = Object.entries(view.given_up);
  if (!view.completions.length && !given.length) return null;
  const step = id => h("button", {type: "button", class: "link", on: {click: () => select(id)}}, id);
  const missing = Object.values(Object.assign({}, ...view.completions.map(one => one.missing)));
  const summary = h("summary");
  say(summary, [...view.completions.map(told), given.length ? `went on without ${given.length} ${given.length === 1 ? "step" : "steps"}` : ""].filter(Boolean).join(" · "));
  return h("details", {class: "box", data: {key: "partial"}}, summary,
    h("ul", {}, given.map(([id, reason]) => h("li", {}, step(id), ` ${reason}`)), missing.map(text => h("li", {}, text))));
}

function told({fan_out: id, results, total, reason, succeeded}) {
  return `${id}: ${results} of ${total} results, ${reason.replaceAll("_", " ")}${succeeded ? "" : ", failed"}`;
}
