// What an attempt or a step looks like: one number for its colour, one for its state. Shared by worker and views.

export const KINDS = [
  {name: "waiting", text: "not started"},
  {name: "guess", text: "guess, undecided"},
  {name: "planned", text: "by the optimal plan"},
  {name: "commit", text: "guess committed"},
  {name: "reparent", text: "salvaged: re-parented"},
  {name: "keep", text: "salvaged: kept"},
  {name: "migrate", text: "salvaged: migrated"},
  {name: "flush", text: "flushed"},
  {name: "failed", text: "failed"},
  {name: "doubt", text: "in doubt"},
  {name: "skipped", text: "skipped"},
];
export const KIND = Object.fromEntries(KINDS.map((kind, index) => [kind.name, index]));

export const STATES = ["waiting", "queued", "running", "finished", "failed", "flushed", "in doubt", "held", "retrying", "blocked", "skipped", "to be unrolled", "not run"];
export const STATE = {
  waiting: 0, dispatched: 1, running: 2, finished: 3, failed: 4, flushed: 5, in_doubt: 6, held: 7, retrying: 8, blocked: 9, skipped: 10, pending: 11, not_run: 12,
};
/** States that the service tells of a step, because no attempt shows them. */
export const NOTED = new Set(["held", "retrying", "blocked", "skipped", "failed"]);

export const SPECULATIVE = 1;
export const CRITICAL = 2;
export const LIVE = 4;
export const BESIDE = 8;

const BY_VERDICT = {
  commit: KIND.commit, "salvage:re-parent": KIND.reparent, "salvage:keep": KIND.keep, "salvage:migrate": KIND.migrate, flush: KIND.flush,
};

/** The colour of an attempt: what became of it, and its verdict if it was a guess. */
export function kindOf(bar) {
  if (bar.status === "failed") return KIND.failed;
  if (bar.status === "in_doubt") return KIND.doubt;
  if (bar.verdict === "flush" || bar.verdict === "salvage:migrate") return BY_VERDICT[bar.verdict];
  if (!bar.speculative && (bar.verdict ?? "commit") === "commit") return KIND.planned;
  return bar.verdict ? BY_VERDICT[bar.verdict] : KIND.guess;
}

/** Whether it still holds an agent or waits for one. */
export function isLive(bar) {
  return bar.status === "dispatched" || bar.status === "running";
}
