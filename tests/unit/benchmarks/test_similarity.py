"""The similarity benchmark on made-up plan sets: what is learned from, what is left out, what is missing."""

import gzip
import json
from pathlib import Path

import pytest

from benchmarks.similarity import run

TOOLS = [{"id": "find", "desc": "Find a train"}, {"id": "book", "desc": "Book a hotel"}]


def written(path: Path, records: list[dict[str, object]]) -> None:
    path.write_bytes(gzip.compress("\n".join(json.dumps(record) for record in records).encode()))


def test_taskbench_is_learned_from_readable_plans_of_llms_and_tested_on_gold(tmp_path: Path):
    folder = tmp_path / "taskbench"
    folder.mkdir()
    (folder / "tools_toy.json").write_text(json.dumps(TOOLS))
    requests = [{"id": str(i), "request": f"Find a train and book a hotel, number {i}."} for i in range(6)]
    written(folder / "requests_toy.jsonl.gz", requests)
    gold = {"id": "0", "request": requests[0]["request"], "tools": ["find", "book"], "deps": [[0, 1]]}
    written(folder / "gold_sample_toy.jsonl.gz", [gold])
    plans = [
        {"id": "0", "tools": ["book"], "links": []},  # its gold plan is tested on
        {"id": "1", "tools": ["find", "book"], "links": [["find", "book"]]},
        {"id": "2", "tools": ["find", "book"], "links": [["find", "book"]]},
        {"id": "3", "tools": ["find", "unheard-of"], "links": []},
        {"id": "4", "tools": ["find", "find"], "links": []},
        {"id": "5", "tools": ["find", "book"], "links": [["find", "elsewhere"]]},
    ]
    written(folder / "pred_toy_llm.jsonl.gz", plans)

    absent = ("taskbench_absent", "llms_taskbench_absent", "absent")
    figures = run(data=tmp_path, sets=("taskbench_toy", "llms_taskbench_toy", *absent))

    assert set(figures) == {"taskbench_toy", "llms_taskbench_toy"}
    same = figures["llms_taskbench_toy"]["all"]
    assert (same["outcomes"] + same["tasks"], same["left_out"]) == (3, 3)
    stage = figures["taskbench_toy"]["all"]
    assert (stage["outcomes"], stage["tasks"], stage["left_out"]) == (2, 1, 4)
    assert stage["similarity"] == 1.0


def test_guesses_are_compared_with_cold_ones_at_the_same_requests(tmp_path: Path):
    """The catalog says nothing of these requests; past plans do."""
    asked = [f"take {who} to the station, please" for who in ("me", "us", "her", "him", "them", "everyone")]
    records = [
        {"id": str(at), "request": request, "tools": ["find", "book"], "deps": [[0, 1]]}
        for at, request in enumerate(asked)
    ]
    written(tmp_path / "train.jsonl.gz", records[:4])
    written(tmp_path / "test.jsonl.gz", records[4:])
    (tmp_path / "tools.json").write_text(json.dumps(TOOLS))

    stages = run(tmp_path / "train.jsonl.gz", tmp_path / "test.jsonl.gz", tmp_path / "tools.json")["given"]

    assert stages["cold"]["over_cold"] == 0
    assert stages["all"]["over_cold"] == pytest.approx(stages["all"]["similarity"] - stages["cold"]["similarity"])
    assert stages["all"]["over_cold"] > 0
    assert stages["all"]["over_cold_error"] == pytest.approx(0, abs=1e-9)
