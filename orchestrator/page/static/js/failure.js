// What is known of a failure: message, what to do, where in the user's code, causes, traceback, last lines of stderr.
import {h} from "./dom.js";
import {node} from "./format.js";

/** Elements that show a failure. Everything in it is text, whoever wrote it. `select` opens a step. */
export function failureDetails(failure, {select, open = false} = {}) {
  const evidence = failure.evidence ?? {};
  return [
    h("p", {class: "failure-message"}, failure.error_type && !failure.message.includes(`${failure.error_type}:`) ? h("b", {}, `${failure.error_type}: `) : "", failure.message),
    evidence.frame ? h("p", {class: "where"}, place(evidence.frame), evidence.frame.code ? h("code", {class: "source"}, evidence.frame.code) : "") : "",
    failure.fix ? h("p", {}, h("b", {}, "What to do: "), failure.fix) : "",
    origin(evidence, select),
    (evidence.exceptions?.length ?? 0) > 1 ? h("ol", {class: "causes"}, evidence.exceptions.map(cause)) : "",
    evidence.exit_code === null || evidence.exit_code === undefined ? "" : h("p", {}, `Exit code: ${evidence.exit_code}${signal(evidence.exit_code)}`),
    block("Last lines of stderr", evidence.stderr, open),
    block("Traceback", evidence.traceback, open),
    evidence.inputs ? block("Inputs", JSON.stringify(evidence.inputs, null, 2), false) : "",
  ];
}

// Numbers of signals on Linux, those that end processes by mistake.
const SIGNALS = {1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 15: "SIGTERM"};

function signal(code) {
  return code > 128 ? ` (${SIGNALS[code - 128] ?? `signal ${code - 128}`})` : "";
}

function place(frame) {
  const name = frame.file.replaceAll("\\", "/").split("/").pop();
  return h("span", {title: frame.file}, `${name}:${frame.line}${frame.function ? ` in ${frame.function}` : ""}`);
}

function cause(raised) {
  return h("li", {}, `${raised.error_type}${raised.message ? `: ${raised.message}` : ""}`, raised.frame ? [" at ", place(raised.frame)] : "");
}

function origin(evidence, select) {
  if (!evidence.step && !evidence.agent) return "";
  const parts = [evidence.agent ? `agent ${evidence.agent}` : "", evidence.node ? `node ${node(evidence.node)}` : "", evidence.attempt ? `attempt ${evidence.attempt}` : "", evidence.tries ? `try ${evidence.tries}` : ""];
  return h("p", {class: "soft"}, evidence.step && select ? h("button", {type: "button", class: "link", on: {click: () => select(evidence.step)}}, `Open step ${evidence.step}`) : "",
    ` ${parts.filter(Boolean).join(" · ")}`);
}

function block(title, text, open) {
  return text ? h("details", {open, data: {key: title}}, h("summary", {}, title), h("pre", {tabindex: 0}, text)) : "";
}
