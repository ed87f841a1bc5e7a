"""Files of recorded workloads: what is wrong with them is told with file, line and field."""

import gzip

import pytest

from benchmarks.datasets import PlanRecord, Trace, UnusableFile, document, lines

PLAN = b'{"id": 1, "request": "find and book", "tools": ["find", "book"], "deps": [[0, 1]], "more": 7}\n'


def test_plans_are_read_gzipped_or_not_and_blank_lines_do_not_count(tmp_path):
    (tmp_path / "plans.jsonl").write_bytes(PLAN + b"\n" + PLAN)
    (tmp_path / "plans.jsonl.gz").write_bytes(gzip.compress(PLAN))

    assert len(lines(tmp_path / "plans.jsonl", PlanRecord)) == 2
    (record,) = lines(tmp_path / "plans.jsonl.gz", PlanRecord)
    assert record.example().edges == ((0, 1),)


@pytest.mark.parametrize(
    ("name", "content", "said", "field"),
    [
        ("plans.jsonl", PLAN + b'{"request": "x", "tools": "find", "deps": []}', "line 2", "tools"),
        ("plans.jsonl", b"[1, 2", "line 1", ""),
        ("plans.jsonl.gz", PLAN, "cannot be read", ""),
        ("plans.jsonl.gz", gzip.compress(PLAN, mtime=0)[:20], "cannot be read", ""),
        ("other.jsonl", b"", "cannot be read", ""),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_field(tmp_path, name, content, said, field):
    path = tmp_path / name
    if name != "other.jsonl":
        path.write_bytes(content)

    with pytest.raises(UnusableFile, match=said) as told:
        lines(path, PlanRecord)

    assert name in told.value.message
    assert told.value.field == field


def test_a_trace_says_which_of_its_tasks_is_wrong(tmp_path):
    (tmp_path / "trace.json").write_text('{"name": "w", "tasks": [{"id": 0, "name": "a"}, {"id": 1}]}')

    with pytest.raises(UnusableFile) as told:
        document(tmp_path / "trace.json", Trace)

    assert told.value.field == "tasks.1.name"
