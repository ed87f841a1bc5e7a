// The chain of steps that decided when the run ended: back from the last one through the parent that ended last.
import {KIND} from "./kinds.js";

/** One byte a step: 1 where it is on the critical path of what has run so far. */
export function criticalPath(steps, progress) {
  const critical = new Uint8Array(steps.length);
  let at = -1;
  for (let place = 0; place < steps.length; place += 1) {
    if (!Number.isNaN(progress.endS[place]) && progress.kind[place] !== KIND.flush && (at < 0 || progress.endS[place] > progress.endS[at])) at = place;
  }
  while (at >= 0 && !critical[at]) {
    critical[at] = 1;
    let next = -1;
    for (const parent of steps[at].parents) {
      if (!Number.isNaN(progress.endS[parent]) && (next < 0 || progress.endS[parent] > progress.endS[next])) next = parent;
    }
    at = next;
  }
  return critical;
}
