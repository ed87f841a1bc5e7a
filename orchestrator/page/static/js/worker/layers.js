// The layout of the graph (Sugiyama's method): layers by longest path, few crossings by barycentres, straight chains.

export const WIDTH = 168;
export const HEIGHT = 36;
const GAP_X = 64;
const GAP_Y = 14;
const SWEEPS = 5;
// A layer of more steps than this is wrapped into several columns.
const MOST_ROWS = 48;
const LARGE = 1500;

/**
 * Positions (left, top) of the steps, and `edges`: pairs of places, parent first. `bends`: of each edge that passes other
 * layers, by its number, where it crosses them: left, top, left, top and so on.
 */
export function layered(steps) {
  const size = steps.length;
  const edges = [];
  const children = Array.from({length: size}, () => []);
  const parents = steps.map((step, place) => step.parents.filter(parent => parent !== place));
  parents.forEach((of, place) => {
    for (const parent of of) { edges.push(parent, place); children[parent].push(place); }
  });
  const layer = longestPaths(parents, children);
  const layers = byLayer(layer);
  const passages = passagesOf(edges, layer, layers, size);
  for (const {from, to, through} of passages) lead(from, to, through, parents, children);
  order(layers, parents, children);
  const {x, y} = positions(layers, parents, children, parents.length);
  const bends = Object.fromEntries(passages.map(({edge, through}) => [edge, through.flatMap(place => [x[place], y[place] + HEIGHT / 2])]));
  const [width, height] = [extent(x, WIDTH), extent(y, HEIGHT)];
  return {x: x.slice(0, size), y: y.slice(0, size), edges: Int32Array.from(edges), bends, width, height};
}

/** Room for the edges that pass other layers: places in these layers, after those of the steps. None in large graphs. */
function passagesOf(edges, layer, layers, size) {
  const passages = [];
  let next = size;
  for (let at = 0; at < edges.length; at += 2) {
    const [from, to] = [edges[at], edges[at + 1]];
    const length = layer[to] - layer[from] - 1;
    if (length > 0) passages.push({edge: at / 2, from, to, through: Array.from({length}, () => next++)});
  }
  const rows = layers.map(steps => steps.length);
  for (const {from, through} of passages) through.forEach((_, at) => { rows[layer[from] + 1 + at] += 1; });
  if (next > LARGE || Math.max(0, ...rows) > MOST_ROWS) return [];
  for (const {from, through} of passages) through.forEach((place, at) => layers[layer[from] + 1 + at].push(place));
  return passages;
}

/** Let a long edge lead from place to place, for the order and the positions in the layers. */
function lead(from, to, through, parents, children) {
  const way = [from, ...through, to];
  children[from].splice(children[from].indexOf(to), 1, through[0]);
  parents[to].splice(parents[to].indexOf(from), 1, through.at(-1));
  through.forEach((place, at) => { parents[place] = [way[at]]; children[place] = [way[at + 2]]; });
}

function extent(values, more) {
  let most = 0;
  for (const value of values) if (value > most) most = value;
  return most + more;
}

/** The layer of each step: one more than that of its last parent. */
function longestPaths(parents, children) {
  const layer = new Int32Array(parents.length);
  const missing = Int32Array.from(parents, of => of.length);
  const ready = [];
  missing.forEach((count, place) => { if (!count) ready.push(place); });
  for (let next = 0; next < ready.length; next += 1) {
    const place = ready[next];
    for (const child of children[place]) {
      layer[child] = Math.max(layer[child], layer[place] + 1);
      missing[child] -= 1;
      if (!missing[child]) ready.push(child);
    }
  }
  return layer;
}

function byLayer(layer) {
  const layers = [];
  layer.forEach((at, place) => { (layers[at] ??= []).push(place); });
  return layers.map(steps => steps ?? []);
}

/** Order each layer by the mean place of its neighbours, down and up again. */
function order(layers, parents, children) {
  const place = new Float64Array(parents.length);
  const number = steps => steps.forEach((step, at) => { place[step] = at - steps.length / 2; });
  layers.forEach(number);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const down = sweep % 2 === 0;
    const neighbours = down ? parents : children;
    for (const steps of down ? layers.slice(1) : layers.slice(0, -1).reverse()) {
      const weight = new Map(steps.map(step => [step, mean(neighbours[step], place, place[step])]));
      steps.sort((a, b) => weight.get(a) - weight.get(b) || place[a] - place[b]);
      number(steps);
    }
  }
}

function mean(steps, place, otherwise) {
  if (!steps.length) return otherwise;
  let sum = 0;
  for (const step of steps) sum += place[step];
  return sum / steps.length;
}

function positions(layers, parents, children, size) {
  const x = new Float32Array(size);
  const y = new Float32Array(size);
  const pitch = HEIGHT + GAP_Y;
  let left = 0;
  for (const steps of layers) {
    const columns = Math.ceil(steps.length / MOST_ROWS);
    const rows = Math.ceil(steps.length / Math.max(1, columns));
    steps.forEach((step, at) => {
      x[step] = left + (WIDTH + GAP_X / 3) * Math.floor(at / rows);
      y[step] = ((at % rows) - (rows - 1) / 2) * pitch;
    });
    left += Math.max(1, columns) * (WIDTH + GAP_X / 3) + GAP_X * (2 / 3);
  }
  if (size <= LARGE) straighten(layers, parents, children, y, pitch);
  let least = Infinity;
  for (const value of y) if (value < least) least = value;
  for (let step = 0; step < size; step += 1) y[step] -= least;
  return {x, y};
}

/** Move steps towards the mean of their neighbours as far as their order and spacing allow. */
function straighten(layers, parents, children, y, pitch) {
  for (let sweep = 0; sweep < 2 * SWEEPS; sweep += 1) {
    const down = sweep % 2 === 0;
    const neighbours = down ? parents : children;
    for (const steps of down ? layers : [...layers].reverse()) {
      if (steps.length > MOST_ROWS) continue;
      const wanted = steps.map(step => mean(neighbours[step], y, y[step]));
      const placed = spaced(wanted, pitch);
      steps.forEach((step, at) => { y[step] = placed[at]; });
    }
  }
}

/** Values in order, at least `pitch` apart, nearest to the wanted ones (least squares; pool adjacent violators). */
function spaced(wanted, pitch) {
  const blocks = [];
  wanted.forEach((value, at) => {
    let block = {sum: value - at * pitch, size: 1};
    while (blocks.length && blocks.at(-1).sum / blocks.at(-1).size > block.sum / block.size) {
      const before = blocks.pop();
      block = {sum: before.sum + block.sum, size: before.size + block.size};
    }
    blocks.push(block);
  });
  const placed = [];
  for (const block of blocks) for (let taken = 0; taken < block.size; taken += 1) placed.push(block.sum / block.size + placed.length * pitch);
  return placed;
}
