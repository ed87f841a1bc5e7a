// Small charts as SVG: claimed against observed, figures over time, bars. Each has a table or a text beside it.
import {h, svg} from "./dom.js";

const WIDTH = 460;
const HEIGHT = 250;
const LEFT = 44;
const BOTTOM = 34;
const TOP = 12;

const x = share => LEFT + share * (WIDTH - LEFT - 12);
const y = share => HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP);

function frame(label, horizontal, vertical, ...content) {
  return svg("svg", {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": label},
    [0, 0.25, 0.5, 0.75, 1].map(share => [svg("line", {x1: x(0), x2: x(1), y1: y(share), y2: y(share), class: "axis"}),
      svg("text", {x: LEFT - 6, y: y(share) + 4, "text-anchor": "end"}, vertical(share))]),
    horizontal.map(([share, text]) => svg("text", {x: x(share), y: HEIGHT - BOTTOM + 16, "text-anchor": "middle"}, text)), content);
}

/** The reliability curve: dots as large as their bins are full. */
export function reliability(bins) {
  const most = Math.max(1, ...bins.map(bin => bin.count));
  const filled = bins.filter(bin => bin.count > 0);
  return frame("Share of guesses that survived, by the probability claimed for them", [0, 0.25, 0.5, 0.75, 1].map(share => [share, share.toFixed(2)]), share => share.toFixed(2),
    svg("line", {x1: x(0), y1: y(0), x2: x(1), y2: y(1), class: "ideal"}),
    svg("polyline", {class: "line", points: filled.map(bin => `${x(bin.claimed)},${y(bin.observed)}`).join(" ")}),
    filled.map(bin => svg("circle", {cx: x(bin.claimed), cy: y(bin.observed), r: 3 + 6 * Math.sqrt(bin.count / most), class: "dot"},
      svg("title", {}, `claimed ${bin.claimed.toFixed(2)}, observed ${bin.observed.toFixed(2)}, ${bin.count} guesses`))));
}

/** Values 0..1 in order, oldest first, with a running mean. */
export function overTime(values, label, ends) {
  const at = index => values.length === 1 ? 0.5 : index / (values.length - 1);
  const mean = values.map((_, index) => {
    const window = values.slice(Math.max(0, index - 9), index + 1);
    return window.reduce((sum, value) => sum + value, 0) / window.length;
  });
  return frame(label, [[0.04, ends[0]], [0.96, ends[1]]], share => share.toFixed(2),
    values.map((value, index) => svg("circle", {cx: x(at(index)), cy: y(value), r: 3, class: "faint"}, svg("title", {}, value.toFixed(2)))),
    svg("polyline", {class: "line", points: mean.map((value, index) => `${x(at(index))},${y(value)}`).join(" ")}));
}

/** Named amounts as bars that start at zero, negative ones to the left. */
export function bars(rows, format) {
  const most = Math.max(1e-12, ...rows.map(([, value]) => Math.abs(value)));
  const negative = rows.some(([, value]) => value < 0);
  return h("dl", {class: "bars", data: {signed: String(negative)}}, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {},
    h("span", {class: "track"}, h("i", {class: value < 0 ? "below" : "", style: {width: `${(negative ? 50 : 100) * Math.abs(value) / most}%`}})), h("b", {}, format(value))))));
}
