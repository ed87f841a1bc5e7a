// What a task asks people: whether an act in doubt has happened, approvals, and messages from outside.
import {json, taskPath} from "./api.js";
import {announce, h, keyed, say} from "./dom.js";
import {argument} from "./format.js";
import {shownBy} from "./inspector.js";
import {acting} from "./task-actions.js";

const LIMITS = {budget_usd: "budget in dollars", budget_tokens: "budget in tokens", deadline_s: "deadline in seconds from admission"};

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
    const limits = (view.limits?.asked ?? []).map(one => ({...one, attempt: one.limit, step: one.steps[0] ?? "", asks: "limit", now: view.limits[one.limit]}));
    keyed(this.element, [...doubts, ...answers, ...limits], one => `${one.attempt} ${one.asks}`, one => this.box(one), (box, one) => this.renew(box, one));
  }

  box(one) {
    const make = {doubt: () => this.doubt(one), approval: () => this.approval(one), callback: () => this.callback(one), limit: () => this.limit(one)}[one.asks];
    const about = one.asks === "limit" ? `Question about ${LIMITS[one.limit]}` : `Question of step ${one.step}`;
    return h("section", {class: "box warn question", "aria-label": about}, make());
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
      h("p", {class: "soft"}, "In a terminal: ", h("code", {}, `forerun resolve ${this.id} ${argument(one.step)}`)),
    ];
  }

  approval(one) {
    const about = h("div", {class: "asked-about"});
    this.readShown(one.step, about);
    return [
      h("p", {}, h("b", {}, "Step ", this.step(one.step), " asks: "), question(one)),
      about,
      form([line("comment", "Comment (optional)"), by()], [["Approve", true], ["Reject", false]],
        (fields, approved) => this.send("approvals", one.step, {approved, comment: fields.comment, ...given(fields)})),
    ];
  }

  /** Read what the approval is about. If that fails, the step itself can be opened. */
  async readShown(step, box) {
    try {
      box.replaceChildren(shownBy(await json(taskPath(this.id, "steps", step)), this.select));
    } catch {
      box.replaceChildren();
    }
  }

  callback(one) {
    return [
      h("p", {}, h("b", {}, "Step ", this.step(one.step), " waits for a message: "), question(one)),
      form([area("The message, as JSON"), by()], [["Send", true]],
        fields => this.send("approvals", one.step, {...parsed(fields.output), ...given(fields)})),
    ];
  }

  limit(one) {
    return [
      h("p", {}, h("b", {}, "The task asks about its limits: "), one.message),
      form([amount(`New ${LIMITS[one.limit]} (now ${one.now})`, one.now), line("comment", "Comment (optional)"), by()],
        [["Raise", "raise"], ["Finish with what is there", "finish"], ["Let it fail", "fail"]],
        (fields, action) => this.post("limits", {action, comment: fields.comment, ...given(fields), ...raised(one, action, fields.amount)})),
      h("p", {class: "soft"}, "In a terminal: ", h("code", {}, `forerun limits ${this.id}`)),
    ];
  }

  step(step) {
    return h("button", {type: "button", class: "link", on: {click: () => this.select(step)}}, step);
  }

  send(what, step, body) {
    return this.post([what, step], body);
  }

  async post(what, body) {
    const view = await json(taskPath(this.id, ...[what].flat()), {method: "POST", body});
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

function amount(text, now) {
  return h("label", {class: "field"}, h("span", {}, text), h("input", {name: "amount", type: "number", step: "any", min: String(now)}));
}

function raised({limit, now}, action, text) {
  if (action !== "raise") return {};
  const value = Number(text);
  if (!text || !(value > now)) throw Object.assign(new Error("This does not raise the limit"), {fix: `Give more than ${now}.`});
  return {[limit]: value};
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
    throw Object.assign(new Error(`This is not JSON: ${error.message}`), {fix: 'Put texts and names in quotes: {"name": "text"}.'});
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

/** What somebody has said about the limits of the task, in one line. */
export function limitAnswer(one) {
  const raised = Object.keys(LIMITS).filter(limit => one[limit] !== null).map(limit => `${LIMITS[limit]} raised to ${one[limit]}`).join(", ");
  const what = {raise: raised, finish: "finish with what is there", fail: "fail"}[one.action];
  return `${what}${one.by ? ` by ${one.by}` : ""}${one.comment ? `: ${one.comment}` : ""}`;
}
