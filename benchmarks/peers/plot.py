"""Plot steps a second and CPU time a step by peer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any


def plot(results: dict[str, Any], path: Path) -> None:
    """Plot the results of `run`."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    peers = list(results["peers"].values())[::-1]
    figure = Figure(figsize=(13, 0.45 * len(peers) + 1.4), layout="constrained")
    axes = figure.subplots(1, 4, sharey=True)
    titles = [peer["title"] for peer in peers]
    colours = ["#ef6c00" if title.startswith("Forerun") else "#90a4ae" for title in titles]
    panels: list[tuple[str, Callable[[dict[str, Any]], float | None]]] = [
        (f"chains of five: steps/s ({results['tasks']} tasks)", lambda peer: peer["chains"].get("steps_per_s")),
        ("chains of five: CPU-ms a task", lambda peer: peer["chains"].get("cpu_ms_per_task")),
        (f"fan of {results['fan']}: steps/s", lambda peer: peer["fan"].get("steps_per_s")),
        (f"{results['naps']} agents of 1 s: seconds", lambda peer: peer["naps"].get("seconds")),
    ]
    for axis, (title, figure_of) in zip(axes, panels, strict=True):
        values = [figure_of(peer) for peer in peers]
        bars = axis.barh(titles, [value or 0.0 for value in values], color=colours)
        axis.bar_label(
            bars, [f" {value:.3g}" if value is not None else " not measured" for value in values], fontsize=8
        )
        axis.set_title(title, fontsize=9)
        axis.margins(x=0.2)
    figure.savefig(path, dpi=150)
