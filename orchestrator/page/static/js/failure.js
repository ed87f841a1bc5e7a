// What is known of a failure: message, what to do, where in the user's code, traceback, last lines of output.
import {h} from "./dom.js";

/** Elements that show a failure. Everything in it is text, whoever wrote it. */
export function failureDetails(failure) {
  return [
    h("p", {class: "failure-message"}, failure.error_type ? h("b", {}, `${failure.error_type}: `) : "", failure.message),
    failure.fix ? h("p", {}, h("b", {}, "What to do: "), failure.fix) : "",
  ];
}
