// Follows one run off the main thread: reads its stream, folds changes, lays out timeline and graph, and sends columns.
import {root} from "../root.js";
import {events} from "./sse.js";
import {Run} from "./run.js";

const PUBLISH_MS = 200;
const GRAPH_MS = 1000;
const LONGEST_PAUSE_MS = 15000;

let key = "";
let run = null;
let following = null;
let publishing = null;
let graphSeq = 0;
let graphAt = -Infinity;
let keyArrived = () => {};

addEventListener("message", ({data}) => {
  if (data.type === "open") {
    key = data.key;
    run = new Run(data.id);
    follow(data.id);
  } else if (data.type === "key") {
    key = data.key;
    keyArrived();
  } else if (data.type === "refresh") {
    follow(run.id);
  } else if (data.type === "json") {
    text(data);
  }
});

async function ask(path, options = {}) {
  for (;;) {
    const headers = {...options.headers, ...(key ? {Authorization: `Bearer ${key}`} : {})};
    const response = await fetch(new URL(path, root), {...options, headers});
    if (response.status !== 401) return response;
    const arrived = new Promise(resolve => { keyArrived = resolve; });
    postMessage({type: "unauthorized", key});
    await arrived;
  }
}

async function fine(response) {
  if (response.ok) return response;
  const document = await response.json().catch(() => ({}));
  throw Object.assign(new Error(document.detail || `HTTP ${response.status}`), {status: response.status, fix: document.fix ?? ""});
}

/** Follow the stream to its end; resume it where it broke off. */
async function follow(id) {
  following?.abort();
  const mine = following = new AbortController();
  for (let failures = 0; !mine.signal.aborted;) {
    try {
      const headers = {Accept: "text/event-stream", "Last-Event-ID": String(run.seq)};
      const response = await fine(await ask(`v1/tasks/${encodeURIComponent(id)}/changes`, {headers, signal: mine.signal}));
      postMessage({type: "connection", fine: true});
      if (response.status === 204) return;
      for await (const event of events(response.body)) {
        failures = 0;
        if (event.name === "end") {
          publish(true);
          return;
        }
        if (event.name === "changes") take(JSON.parse(event.data));
      }
    } catch (error) {
      if (mine.signal.aborted) return;
      if (error.status === 404) {
        postMessage({type: "failed", message: error.message, fix: error.fix});
        return;
      }
      postMessage({type: "connection", fine: false, message: error.status ? error.message : ""});
    }
    failures += 1;
    await new Promise(resolve => setTimeout(resolve, Math.min(500 * 2 ** failures, LONGEST_PAUSE_MS)));
  }
}

function take(changes) {
  run.take(changes);
  publish(changes.ended);
}

/** Send what is shown, not more often than people can follow. */
function publish(now) {
  if (publishing !== null && !now) return;
  clearTimeout(publishing);
  publishing = setTimeout(async () => {
    publishing = null;
    if (!run.published) send();  // what is known without the graph, which takes longer
    await refreshGraph();
    send();
  }, now || !run.published ? 0 : PUBLISH_MS);
}

async function refreshGraph() {
  if (run.plannedSeq === graphSeq || (performance.now() - graphAt < GRAPH_MS && !run.ended && graphSeq > 0)) return;
  graphAt = performance.now();
  const seq = run.plannedSeq;
  try {
    run.takeGraph(await (await fine(await ask(`v1/tasks/${encodeURIComponent(run.id)}/graph`))).json());
    graphSeq = seq;
  } catch {
    graphSeq = 0;  // the next change asks again
  }
}

function send() {
  const {message, transfer} = run.published_();
  postMessage(message, transfer);
  if (run.plannedSeq !== graphSeq && !run.ended) setTimeout(publish, GRAPH_MS);
}

/** Read JSON and write it as people read it, without keeping the main thread from its work. */
async function text({path, ticket, most}) {
  try {
    const read = await (await fine(await ask(path))).text();
    let shown = read;
    if (read.length <= most) shown = JSON.stringify(JSON.parse(read), null, 2);
    postMessage({type: "json", ticket, text: shown.slice(0, most), left: Math.max(0, shown.length - most)});
  } catch (error) {
    postMessage({type: "json", ticket, error: error.message, fix: error.fix ?? "", status: error.status ?? 0});
  }
}
