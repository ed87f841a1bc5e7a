// The layout of the timeline: lanes by node and agent, in each as many rows as attempts ran at once, idle time found.

const LEAST_IDLE_S = 10;
const LEAST_IDLE_SHARE = 0.15;

/**
 * Columns of the attempts ordered by row and time, `rowStart` (the first attempt of each row), the lanes, and the
 * spans in which no agent worked.
 */
export function timeline(bars, columns, now, ended) {
  const lanes = new Map();
  bars.forEach((bar, index) => {
    const key = `${bar.node}\n${bar.agent}`;
    const lane = lanes.get(key);
    if (lane) lane.bars.push(index);
    else lanes.set(key, {node: bar.node, agent: bar.agent, bars: [index]});
  });
  // Nodes, and agents on a node, in the order of their first attempts: `bars` are in the order of dispatch.
  const nodes = new Map();
  for (const lane of lanes.values()) if (!nodes.has(lane.node)) nodes.set(lane.node, nodes.size);
  const ordered = [...lanes.values()].sort((a, b) => nodes.get(a.node) - nodes.get(b.node));
  const row = new Int32Array(bars.length);
  let rows = 0;
  const shown = ordered.map(lane => {
    const first = rows;
    rows += pack(lane.bars, columns, row, first);
    return {node: lane.node, agent: lane.agent, first, rows: rows - first};
  });
  return {...sorted(columns, row, rows), rows, lanes: shown, idle: idle(columns, now, ended)};
}

/** Give each attempt of a lane the first row that is free; returns how many rows there are. */
function pack(indexes, columns, row, first) {
  indexes.sort((a, b) => columns.dispatchedS[a] - columns.dispatchedS[b]);
  const free = [];
  for (const index of indexes) {
    const start = columns.dispatchedS[index];
    const end = Number.isNaN(columns.endedS[index]) ? Infinity : columns.endedS[index];
    let at = free.findIndex(until => until <= start + 1e-9);
    if (at < 0) at = free.push(0) - 1;
    free[at] = end;
    row[index] = first + at;
  }
  return Math.max(1, free.length);
}

function sorted(columns, row, rows) {
  const order = Int32Array.from(row.keys()).sort((a, b) => row[a] - row[b] || columns.dispatchedS[a] - columns.dispatchedS[b]);
  const taken = Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column.map((_, place) => column[order[place]])]));
  const rowStart = new Int32Array(rows + 1);
  for (const index of row) rowStart[index + 1] += 1;
  for (let at = 0; at < rows; at += 1) rowStart[at + 1] += rowStart[at];
  return {...taken, rowStart};
}

/** Long spans, [from, to], in which no agent works. */
function idle(columns, now, ended) {
  const spans = [];
  columns.startedS.forEach((start, index) => {
    if (!Number.isNaN(start)) spans.push([start, Number.isNaN(columns.endedS[index]) ? now : columns.endedS[index]]);
  });
  spans.sort((a, b) => a[0] - b[0]);
  const whole = Math.max(now, ...spans.slice(-1).map(span => span[1]));
  const found = [];
  let busyUntil = 0;
  for (const [start, end] of [...spans, [ended ? now : Infinity, Infinity]]) {
    const gap = start - busyUntil;
    if (gap < Infinity && gap >= LEAST_IDLE_S && gap >= LEAST_IDLE_SHARE * whole) found.push([busyUntil, start]);
    busyUntil = Math.max(busyUntil, end);
  }
  return found;
}
