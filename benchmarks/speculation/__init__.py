"""End to end on Ray: the share of attainable savings and the waste of speculation, compared with five other modes."""

from benchmarks.speculation.bench import run
from benchmarks.speculation.plot import plot

__all__ = ["plot", "run"]
