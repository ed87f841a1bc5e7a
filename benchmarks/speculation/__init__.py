"""End to end on Ray: how much of what speculation could save is saved, and at what waste, against five other modes."""

from benchmarks.speculation.bench import run
from benchmarks.speculation.plot import plot

__all__ = ["plot", "run"]
