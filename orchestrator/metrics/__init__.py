"""Prometheus metrics: of HTTP, runs, planning, the LLM, the journal, and event loops.

Names follow Prometheus' conventions: base units in full, counters end in ``_total``. Label values come from bounded
sets. Every process counts in a registry of its own; the ingress joins the expositions.
"""

from orchestrator.metrics.exposition import joined
from orchestrator.metrics.http import HttpMetrics
from orchestrator.metrics.runs import RunMetrics

__all__ = ["HttpMetrics", "RunMetrics", "joined"]
