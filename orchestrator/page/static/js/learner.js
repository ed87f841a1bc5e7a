// What the learner knows and how well the gate decides: calibration, regret, similarity over time, versions.
import {ask, json, repeat} from "./api.js";
import {bars, overTime, reliability} from "./charts.js";
import {h} from "./dom.js";
import {count, dollars, number, percent, plural, seconds, words} from "./format.js";
import {acting} from "./task-actions.js";

const REFRESH_MS = 5000;
const TASKS = 200;

export function open(main) {
  const body = h("div");
  main.append(h("div", {class: "head"}, h("h1", {}, "Learner")), body);
  const asking = new AbortController();
  let shown = "";
  const read = async signal => {
    const [learner, versions, page] = await Promise.all([json("v1/learner", {signal}), readVersions(signal), json("v1/tasks", {parameters: {limit: TASKS}, signal})]);
    const text = JSON.stringify([learner, versions, page.tasks.map(task => [task.id, task.similarity])]);
    if (text === shown || body.contains(document.activeElement)) return;
    shown = text;
    body.replaceChildren(...content(learner, versions, page.tasks));
  };
  repeat(read, REFRESH_MS, asking.signal);
  return {close: () => asking.abort()};
}

/** The stored versions; none where the learner is off. */
async function readVersions(signal) {
  try {
    return await json("v1/learner/versions", {signal});
  } catch (error) {
    if (signal.aborted || error.status !== 409) throw error;
    return {in_use: null, versions: []};
  }
}

function content(learner, versions, tasks) {
  if (learner.enabled === false) return [h("p", {class: "empty"}, "The learner is off. Set learner.enabled to true in the service's settings.")];
  const total = learner.ledger?.total;
  return [
    learner.problems?.length ? h("div", {class: "box warn"}, learner.problems.map(problem => h("p", {}, problem))) : "",
    tiles(learner, total),
    h("div", {class: "grid"}, calibration(total?.calibration), regret(total), similarity(tasks), kinds(learner.kinds ?? {}), versionsCard(versions), decisions(learner.ledger?.entries ?? [])),
  ];
}

function card(title, ...children) {
  return h("section", {class: "card"}, h("h2", {}, title), children);
}

function tiles(learner, total) {
  const tile = (value, text) => h("div", {class: "tile"}, h("b", {}, value), h("span", {}, text));
  return h("div", {class: "tiles"}, tile(count(learner.outcomes), "outcomes"), tile(learner.version ?? "none", "model version in use"),
    total ? [tile(seconds(total.realised_s), "saved by guesses"), tile(percent(total.waste, 1), "of their agent time wasted"), tile(dollars(total.regret_usd?.oracle ?? 0), "regret to the oracle"), tile(percent(total.dispatched ? total.survived / total.dispatched : null), "of dispatched guesses survived")] : "");
}

function calibration(report) {
  if (!report?.count) return card("Calibration", h("p", {class: "soft"}, "No decisions yet."));
  return card("Calibration", reliability(report.bins),
    h("p", {class: "soft"}, `Across: probability claimed. Up: share that survived. The dashed line is perfect. Error ${number(report.ece, 3)} (ECE), Brier score ${number(report.brier, 3)}, ${plural(report.count, "decision")}.`));
}

function regret(total) {
  if (!total?.decisions) return card("Regret", h("p", {class: "soft"}, "No decisions yet."));
  const worth = total.worth_usd;
  return card("Regret", bars([["The gate", worth.gate], ["Oracle", worth.oracle], ["Always dispatch", worth.always], ["Never dispatch", worth.never]], dollars),
    h("p", {class: "soft"}, "What each policy would have been worth on the same decisions: seconds saved at the value of time, less what wrong guesses cost. ",
      `${plural(total.decisions, "decision")}, ${count(total.dispatched)} dispatched.`));
}

function similarity(tasks) {
  const known = tasks.filter(task => task.similarity !== null && task.similarity !== undefined).reverse();
  if (!known.length) return card("Similarity over time", h("p", {class: "soft"}, "No task with both plans has ended yet."));
  const values = known.map(task => task.similarity);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return card("Similarity over time", overTime(values, `Similarity of guess and optimal plan of the last ${values.length} tasks`, ["older", "newer"]),
    h("p", {class: "soft"}, `Similarity of the speculative to the optimal plan, ${plural(values.length, "task")}: mean ${number(mean)}. The line is the mean of ten tasks.`));
}

function kinds(all) {
  const rows = Object.entries(all);
  if (!rows.length) return "";
  return card("Kinds of tasks", table(["Kind", "Throttle", "Gate", "Plan, median", "Plan, p90"], rows.map(([name, kind]) => [
    name || "(none)", percent(kind.throttle), h("span", {class: "tag", data: {kind: kind.closed ? "bad" : kind.drifting ? "warn" : "good"}}, kind.closed ? "closed" : kind.drifting ? "drifting" : "open"), seconds(kind.plan_p50_s), seconds(kind.plan_p90_s)])));
}

function versionsCard({in_use: used, versions}) {
  if (!versions.length) return card("Versions", h("p", {class: "soft"}, "No models are trained yet."));
  const rows = [...versions].reverse().map(one => [String(one.version), count(one.outcomes),
    Object.entries(one.figures).slice(0, 3).map(([name, value]) => `${words(name)} ${number(value, 3)}`).join(", "),
    one.version === used ? h("span", {class: "tag", data: {kind: "good"}}, "in use")
      : h("button", {type: "button", on: {click: event => acting(event.currentTarget, () => rollBack(one.version))}}, `Use ${one.version}`)]);
  return card("Versions", table(["Version", "Outcomes", "Scores on unseen outcomes", ""], rows));
}

async function rollBack(version) {
  await ask("v1/learner/rollback", {method: "POST", parameters: {version}});
  document.activeElement?.blur();
}

function decisions(entries) {
  if (!entries.length) return "";
  const rows = entries.slice(0, 40).map(entry => [
    h("a", {href: `#/tasks/${encodeURIComponent(entry.task)}?step=${encodeURIComponent(entry.step)}`}, entry.step), entry.agent,
    percent(entry.probability), seconds(entry.saved_s), dollars(entry.cost_usd), entry.dispatched ? "dispatched" : "refused",
    h("span", {class: "tag", data: {kind: entry.verdict === "flush" ? "bad" : "good"}}, words(entry.verdict)), entry.realised_s ? seconds(entry.realised_s) : "–", entry.wasted_s ? seconds(entry.wasted_s) : "–"]);
  const box = card("Newest decisions of the gate", table(["Step", "Agent", "P", "L", "C", "Decision", "Verdict", "Saved", "Wasted"], rows));
  box.classList.add("wide");
  return box;
}

/** A table in a box that scrolls sideways where there is little room. */
export function table(heads, rows) {
  return h("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": heads[0]}, h("table", {class: "plain"}, h("thead", {}, h("tr", {}, heads.map(text => text ? h("th", {scope: "col"}, text) : h("td")))),
    h("tbody", {}, rows.map(cells => h("tr", {}, cells.map(cell => h("td", {}, cell ?? "–")))))));
}
