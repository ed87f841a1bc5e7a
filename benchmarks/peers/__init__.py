"""Forerun beside Ray, Dask, LangGraph and DBOS: the same steps in one interleaved run."""

from benchmarks.peers.bench import run
from benchmarks.peers.plot import plot

__all__ = ["plot", "run"]
