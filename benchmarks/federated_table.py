"""The table of the benchmark of federated learning."""

from collections.abc import Mapping
from typing import Any

from benchmarks.markdown import seconds, share, table, times

_COLUMNS = ("training", "accuracy", "points below central", "fewer bytes", "sent", "seconds", "answers")


def federated_table(figures: Mapping[str, Any]) -> str:
    """A row per training; the central one has all images."""
    rows = [["central", share(figures["central"]), *[""] * (len(_COLUMNS) - 2)]]
    for name, of in figures["variants"].items():
        accuracy = [share(of["accuracy"]), f"{100 * (figures['central'] - of['accuracy']):.1f}"]
        sent = [times(of["dense_bytes"] / of["sent_bytes"]), f"{of['sent_bytes'] / 1e6:.2f} MB"]
        answers = f"{of['answered']} of {figures['clients']}"
        rows.append([name, *accuracy, *sent, seconds(of["seconds"]), answers])
    return table(_COLUMNS, rows)
