"""The alert rules are valid, and every metric that they name exists."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from orchestrator.gateway import ray_gateway
from orchestrator.metrics import RunMetrics
from orchestrator.metrics.journal import JournalMetrics
from reconciler.runtime.figures import ShardFigures

RULES = Path(__file__).parents[3] / "deploy" / "alerts.yaml"


def test_promtool_accepts_the_alert_rules():
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")

    checked = subprocess.run([promtool, "check", "rules", str(RULES)], capture_output=True, text=True, check=False)  # noqa: S603

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_metric_of_the_alert_rules_exists():
    metrics, registry = RunMetrics(0), CollectorRegistry()
    JournalMetrics(registry, 0)
    exposed = metrics.exposition(ShardFigures()) + generate_latest(registry).decode()
    known = set(re.findall(r"# TYPE (\w+)", exposed + ray_gateway._SHARD_UP + ray_gateway._PLANNER_UP))

    named = set(re.findall(r"\bforerun_\w+", RULES.read_text()))

    assert named
    assert named <= known
