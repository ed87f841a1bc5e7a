"""The table of the benchmark of federated learning."""

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import seconds, share, table, times


def federated_table(figures: Mapping[str, Any]) -> str:
    """A row per training; the central one has all images."""
    rows = [["central", share(figures["central"]), "", "", "", ""]]
    for name, of in figures["variants"].items():
        saved = of["dense_bytes"] / of["sent_bytes"]
        lost = f"{100 * (figures['central'] - of['accuracy']):.1f}"
        row = [name, share(of["accuracy"]), lost, times(saved), seconds(of["seconds"])]
        rows.append([*row, f"{of['answered']} of {figures['clients']}"])
    return table(["training", "accuracy", "points below central", "fewer bytes", "seconds", "clients a round"], rows)
