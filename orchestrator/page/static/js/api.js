// Requests to the service: JSON in and out, problems as errors, and the API key where the service asks for one.
import {root} from "./root.js";
import {keyFromUser, storedKey} from "./key.js";

/** A request that the service has refused, with what its problem document says. */
export class Problem extends Error {
  constructor(status, document) {
    super(document.detail || document.title || `HTTP ${status}`);
    this.status = status;
    this.fix = document.fix || document.errors?.[0]?.fix || "";
    this.errors = document.errors ?? [];
  }
}

/** The path of a task, or of something of a task. Ids of steps may hold slashes. */
export function taskPath(id, ...rest) {
  return ["v1/tasks", encodeURIComponent(id), ...rest.map(part => part.split("/").map(encodeURIComponent).join("/"))].join("/");
}

/** Ask, and ask the user for a key as often as the service wants one. Returns a `Response` that is fine. */
export async function ask(path, {method = "GET", parameters = {}, body, signal, headers = {}} = {}) {
  const url = new URL(path, root);
  for (const [name, value] of Object.entries(parameters)) if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
  for (let key = storedKey(); ; key = await keyFromUser(key)) {
    const sent = {...headers, ...(body === undefined ? {} : {"Content-Type": "application/json"})};
    if (key) sent.Authorization = `Bearer ${key}`;
    const response = await fetch(url, {method, signal, headers: sent, body: body === undefined ? undefined : JSON.stringify(body)}).catch(unanswered);
    if (response.status === 401) continue;
    if (!response.ok) throw await problem(response);
    return response;
  }
}

/** What browsers say where nothing answers is in words of their own. */
function unanswered(error) {
  throw error instanceof TypeError ? Object.assign(new Error("The service does not answer"), {fix: "Check that it runs, then try again."}) : error;
}

/** As `ask`, and read the answer as JSON. */
export async function json(path, options) {
  return (await ask(path, options)).json();
}

/** The error for a response that is not fine. */
export async function problem(response) {
  try {
    return new Problem(response.status, await response.json());
  } catch {
    return new Problem(response.status, {});
  }
}

/** Repeat `work` until `signal` aborts: `every` milliseconds apart, slower while it fails, not while the tab is hidden. */
export async function repeat(work, every, signal) {
  let failures = 0;
  while (!signal.aborted) {
    if (document.visibilityState === "visible") {
      try {
        await work(signal);
        failures = 0;
        connected(true);
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        connected(false, error);
      }
    }
    await pause(Math.min(every * 2 ** failures, 15000), signal);
  }
}

function pause(milliseconds, signal) {
  return new Promise(resolve => {
    const done = () => { clearTimeout(timer); document.removeEventListener("visibilitychange", visible); resolve(); };
    const visible = () => { if (document.visibilityState === "visible") done(); };
    const timer = setTimeout(done, milliseconds);
    document.addEventListener("visibilitychange", visible);
    signal.addEventListener("abort", done, {once: true});
  });
}

/** Show whether the service answers. */
export function connected(fine, error) {
  const shown = document.getElementById("connection");
  if (!shown) return;
  const text = fine ? "" : error instanceof Problem ? error.message : "The service does not answer; trying again";
  if (shown.textContent !== text) shown.textContent = text;
}
