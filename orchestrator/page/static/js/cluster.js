// Where work runs and what it shares: nodes with what is reserved on them, queues, agents, providers.
import {json, repeat} from "./api.js";
import {h} from "./dom.js";
import {bytes, count, dollars, node, percent, seconds, words} from "./format.js";
import {table} from "./learner.js";

const REFRESH_MS = 3000;
const LIVE = ["planning", "running", "in_doubt"];
const MOST = 500;

export function open(main) {
  const body = h("div");
  main.append(h("div", {class: "head"}, h("h1", {}, "Cluster")), body);
  const asking = new AbortController();
  let shown = "";
  const read = async signal => {
    const [nodes, catalog, ...queues] = await Promise.all([json("v1/nodes", {signal}), json("v1/agents", {signal}),
      ...LIVE.map(status => json("v1/tasks", {parameters: {status, limit: MOST}, signal}))]);
    const text = JSON.stringify([nodes, catalog, queues]);
    if (text === shown || body.contains(document.activeElement)) return;
    shown = text;
    body.replaceChildren(...outages(catalog), queueTiles(queues), h("div", {class: "grid"}, nodesCard(nodes), waitingCard(queues), agentsCard(catalog, nodes), providersCard(catalog, nodes)));
  };
  repeat(read, REFRESH_MS, asking.signal);
  return {close: () => asking.abort()};
}

/** Providers and agents whose circuit breakers are not closed. */
function outages({outages: some = []}) {
  if (!some.length) return [];
  return [h("section", {class: "box warn", "aria-label": "Outages"}, some.map(({kind, name, state}) => h("p", {}, h("b", {}, `${words(kind)} ${name} does not answer. `),
    state === "open" ? "Its circuit breaker is open: work waits, or goes to other agents." : "It is being tried again.")))];
}

function card(title, ...children) {
  return h("section", {class: "card"}, h("h2", {}, title), children);
}

function wide(element) {
  element.classList.add("wide");
  return element;
}

function queueTiles(queues) {
  const tile = (value, text) => h("div", {class: "tile"}, h("b", {}, value), h("span", {}, text));
  const steps = name => queues.flatMap(page => page.tasks).reduce((sum, task) => sum + task.steps[name], 0);
  const amount = page => count(page.tasks.length) + (page.next_before ? "+" : "");
  return h("div", {class: "tiles"}, tile(amount(queues[0]), "tasks being planned"), tile(amount(queues[1]), "tasks running"), tile(amount(queues[2]), "tasks in doubt"),
    tile(count(steps("running")), "steps running"), tile(count(steps("waiting")), "steps waiting"));
}

/** What is held now of each resource: reservations that have begun and have not ended. */
function held(reservations) {
  const sums = {};
  for (const {resources, start_s: start} of reservations) {
    if (start > 0.001) continue;
    for (const [name, amount] of amounts(resources)) sums[name] = (sums[name] ?? 0) + amount;
  }
  return sums;
}

function amounts(resources) {
  const {cpus, gpus, memory_bytes: memory, custom} = resources;
  return Object.entries({CPUs: cpus, GPUs: gpus, memory, ...custom}).filter(([, amount]) => amount > 0);
}

/** That a node can run containers is told by its class: their number is no limit. */
const limits = total => amounts(total).filter(([name]) => name !== "containers");

function nodesCard({nodes, reservations, warm}) {
  const rows = nodes.map(one => {
    const used = held(reservations.filter(reservation => reservation.node === one.id));
    return [h("span", {title: one.id}, node(one.id)), one.node_class, one.speed === 1 ? "1" : one.speed.toFixed(2), limits(one.total).map(([name, total]) => use(name, used[name] ?? 0, total)),
      warm.filter(([, at]) => at === one.id).map(([agent]) => agent).sort().join(", ") || "–"];
  });
  return wide(card("Nodes", rows.length ? table(["Node", "Class", "Speed", "Reserved now", "Warm agents"], rows) : h("p", {class: "soft"}, "No node answers.")));
}

function use(name, used, total) {
  const text = amount => name === "memory" ? bytes(amount) : String(Math.round(amount * 100) / 100);
  return h("div", {class: "use"}, h("span", {class: "meter"}, h("i", {style: {width: `${Math.min(100, 100 * used / total)}%`}})), h("small", {class: "soft"}, `${text(used)} of ${text(total)} ${name}`));
}

/** Why steps wait, by reason, the most frequent first. */
function waitingCard(queues) {
  const rows = queues.flatMap(page => page.tasks).flatMap(task => task.waiting.map(reason => ({task, reason}))).filter(({reason}) => reason.kind !== "parents");
  if (!rows.length) return wide(card("Queues", h("p", {class: "soft"}, "Nothing waits for room, a retry or an answer.")));
  return wide(card("Queues", table(["Task", "Step", "Waits for"], rows.slice(0, 30).map(({task, reason}) => [
    h("a", {href: `#/tasks/${encodeURIComponent(task.id)}`}, task.name || task.id), h("a", {href: `#/tasks/${encodeURIComponent(task.id)}?step=${encodeURIComponent(reason.step)}`}, reason.step), reason.message]))));
}

function agentsCard({agents}, {warm}) {
  const warmAt = agent => warm.filter(([name]) => name === agent).length;
  const rows = agents.map(one => [h("span", {title: one.description || null}, h("b", {}, one.name)), one.capability, one.kind,
    h("span", {class: "tag", data: {kind: one.effect}}, one.effect), one.provider ?? "–", amounts(one.resources).map(([name, amount]) => `${name === "memory" ? bytes(amount) : `${amount} ${amount === 1 ? name.replace(/s$/, "") : name}`}`).join(", ") || "–",
    percent(one.quality), seconds(one.expected_s), price(one.price), warmAt(one.name) ? `${warmAt(one.name)}` : "–"]);
  return wide(card("Agents", rows.length ? table(["Agent", "Capability", "Kind", "Effect", "Provider", "Needs", "Quality", "Expected", "Price", "Warm on"], rows) : h("p", {class: "soft"}, "The catalog has no agents.")));
}

function price({usd_per_call: call, usd_per_s: second}) {
  return [call ? `${dollars(call)} a call` : "", second ? `${dollars(second)} a second` : ""].filter(Boolean).join(", ") || "–";
}

function providersCard({providers, agents}, {reservations}) {
  if (!providers.length) return "";
  const rows = providers.map(one => {
    const calls = reservations.filter(reservation => reservation.provider === one.name && reservation.start_s <= 0.001).reduce((sum, reservation) => sum + reservation.calls, 0);
    return [h("b", {}, one.name), one.max_concurrent ? use("calls", calls, one.max_concurrent) : `${calls} calls`, one.requests_per_s ? `${one.requests_per_s} a second` : "no limit",
      one.tokens_per_s ? `${count(one.tokens_per_s)} a second` : "no limit", agents.filter(agent => agent.provider === one.name).map(agent => words(agent.name)).join(", ")];
  });
  return wide(card("Providers", table(["Provider", "Reserved now", "Requests", "Tokens", "Agents"], rows)));
}
