"""The service's own log: one file, as text or JSON, with the ids of the work under way."""

import json
import logging
import warnings

import pytest

from orchestrator.service_log import OWN_LOGGERS, ServiceLog
from reconciler.log_context import log_ids, log_place, set_log_place


@pytest.fixture(autouse=True)
def restored():
    root = logging.getLogger()
    before = root.handlers[:], root.level, {name: logging.getLogger(name).level for name in OWN_LOGGERS}
    yield
    for handler in root.handlers:
        if handler not in before[0]:
            handler.close()
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    for name, level in before[2].items():
        logging.getLogger(name).setLevel(level)
    set_log_place("")


def test_a_line_names_time_level_process_and_the_ids_of_the_work(tmp_path):
    log = ServiceLog(tmp_path / "logs" / "service.log")
    log.install("shard-0")

    with log_ids(task="t1"), log_ids(step="a", attempt="t1.1"):
        logging.getLogger("reconciler.runtime").info("hello %s", "you")

    line = log.file.read_text()
    assert line.endswith(" INFO    shard-0 reconciler.runtime: hello you [task=t1 step=a attempt=t1.1]\n")
    assert str(log.file) in log_place()


def test_json_lines_hold_the_same_and_the_traceback(tmp_path):
    log = ServiceLog(tmp_path / "service.log", "json")
    log.install("planner")

    try:
        int("oh")
    except ValueError:
        logging.getLogger("planners.optimal").exception("failed", extra={"task": "t2"})

    line = json.loads(log.file.read_text())
    assert (line["level"], line["process"], line["task"], line["message"]) == ("error", "planner", "t2", "failed")
    assert "ValueError: invalid literal" in line["exception"]
    assert line["time"].endswith("Z")


def test_of_other_libraries_only_warnings_are_logged(tmp_path):
    logging.getLogger().setLevel(logging.ERROR)  # as some libraries do when they are imported
    log = ServiceLog(tmp_path / "service.log", level="debug")
    log.install("up")

    logging.getLogger("httpx").info("HTTP Request")
    logging.getLogger("httpx").warning("slow")
    logging.getLogger("actors.executor").debug("detail")

    assert [line.split()[-1] for line in log.file.read_text().splitlines()] == ["slow", "detail"]


def test_processes_go_on_in_a_new_file_when_a_large_one_was_renamed(tmp_path, monkeypatch):
    monkeypatch.setattr("orchestrator.service_log.MOST_BYTES", 10)
    log = ServiceLog(tmp_path / "service.log")
    log.install("shard-0")
    logging.getLogger("reconciler").warning("before")

    log.rotate()
    logging.getLogger("reconciler").warning("after")

    assert "after" in log.file.read_text()
    assert "before" in (tmp_path / "service.log.1").read_text()


def test_installing_twice_logs_once(tmp_path):
    log = ServiceLog(tmp_path / "service.log")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        log.install("a")
        log.install("b")

    logging.getLogger("reconciler").warning("once")

    assert log.file.read_text().count("once") == 1
