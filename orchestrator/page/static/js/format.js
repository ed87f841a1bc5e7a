// Numbers, times and names as people read them.

const DASH = "–";

/** Seconds: `25 ms`, `1.38 s`, `2 min 05 s`, `3 h 02 min`. */
export function seconds(value) {
  if (value === null || value === undefined) return DASH;
  const size = Math.abs(value);
  if (size === 0) return "0 s";
  if (size < 0.0995) return `${(value * 1000).toFixed(size < 0.00995 ? 1 : 0)} ms`;
  if (size < 9.995) return `${value.toFixed(2)} s`;
  if (size < 99.95) return `${value.toFixed(1)} s`;
  const whole = Math.round(value);
  if (size < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor(whole / 60) % 60).padStart(2, "0")} min`;
}

/** Dollars: `$0`, `$12.34`, `$0.0052`; no exponents. */
export function dollars(value) {
  if (value === null || value === undefined) return DASH;
  if (value === 0) return "$0";
  const size = Math.abs(value);
  const digits = size >= 1 ? 2 : Math.min(10, 1 - Math.floor(Math.log10(size)));
  return `${value < 0 ? "-" : ""}$${size.toFixed(digits)}`;
}

/** A step in a command that people copy: in quotes where a shell would not pass it on as it is. */
export function argument(step) {
  return /^[\w@%+=:,./-]+$/.test(step) ? step : `'${step}'`;
}

/** A share as per cent. */
export function percent(value, digits = 0) {
  return value === null || value === undefined ? DASH : `${(value * 100).toFixed(digits)} %`;
}

export function number(value, digits = 2) {
  return value === null || value === undefined ? DASH : value.toFixed(digits);
}

export function count(value) {
  return value === null || value === undefined ? DASH : value.toLocaleString("en");
}

export function bytes(value) {
  if (value === null || value === undefined) return DASH;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let power = 0;
  while (value >= 1000 && power < units.length - 1) { value /= 1000; power += 1; }
  return `${value >= 100 || power === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[power]}`;
}

/** A moment, seconds since the epoch: `12 s ago`, and the date if it was long ago. */
export function ago(at, now = Date.now() / 1000) {
  const age = Math.max(0, now - at);
  if (age < 5) return "just now";
  if (age < 60) return `${Math.floor(age)} s ago`;
  if (age < 3600) return `${Math.floor(age / 60)} min ago`;
  if (age < 86400) return `${Math.floor(age / 3600)} h ago`;
  return new Date(at * 1000).toLocaleDateString("en", {day: "numeric", month: "short", year: "numeric"});
}

export function moment(at) {
  return new Date(at * 1000).toLocaleString();
}

/** A short name of a node: the first digits of a long hexadecimal id. */
export function node(id) {
  return /^[0-9a-f]{17,}$/.test(id) ? id.slice(0, 8) : id;
}

/** The name of a status or verdict as words. */
export function words(value) {
  return String(value ?? "").replaceAll("_", " ").replace("salvage:", "salvage: ");
}

/** The labels of a task: `team=blue  week=31`. */
export function labels(task) {
  return Object.entries(task.labels ?? {}).map(([key, value]) => `${key}=${value}`).join("  ");
}

/** One thing, several things. */
export function plural(amount, one, many = `${one}s`) {
  return `${count(amount)} ${amount === 1 ? one : many}`;
}
