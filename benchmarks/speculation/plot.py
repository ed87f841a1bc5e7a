"""Plot seconds by mode, grouped by workload, next to the share of attainable and waste."""

from pathlib import Path
from typing import Any

_MODES = ("wait", "list_schedule", "streamed", "plan_cache", "forerun", "oracle")
_COLOURS = ("#9e9e9e", "#bcaaa4", "#90caf9", "#a5d6a7", "#ef6c00", "#424242")


def plot(results: dict[str, Any], path: Path) -> None:
    """Plot the results of `run`."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    workloads = [name for name, figures in results.items() if isinstance(figures, dict) and "wait" in figures]
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    seconds, shares = figure.subplots(1, 2, width_ratios=(2.2, 1))
    width = 0.8 / len(_MODES)
    for place, (mode, colour) in enumerate(zip(_MODES, _COLOURS, strict=True)):
        where = [index + (place - len(_MODES) / 2 + 0.5) * width for index in range(len(workloads))]
        medians = [results[name][mode]["t_s_p50"] for name in workloads]
        tails = [results[name][mode]["t_s_p95"] - median for name, median in zip(workloads, medians, strict=True)]
        none = [0.0] * len(workloads)
        seconds.bar(where, medians, width, yerr=[none, tails], label=mode, color=colour, capsize=2)
    seconds.set_xticks(range(len(workloads)), workloads)
    seconds.set_ylabel("seconds to the result (median, whisker to p95)")
    seconds.legend(ncols=3, frameon=False)
    for place, (key, colour) in enumerate((("share_of_attainable", "#ef6c00"), ("waste", "#c62828"))):
        where = [index + (place - 0.5) * 0.35 for index in range(len(workloads))]
        shares.bar(where, [results[name][key] for name in workloads], 0.35, label=key.replace("_", " "), color=colour)
    shares.set_xticks(range(len(workloads)), workloads)
    shares.axhline(0, color="black", linewidth=0.8)
    shares.set_ylim(top=1.05)
    shares.legend(frameon=False)
    figure.suptitle(f"{results['planner']}; all durations scaled by {results['scale']:g}", fontsize=9)
    figure.savefig(path, dpi=150)
