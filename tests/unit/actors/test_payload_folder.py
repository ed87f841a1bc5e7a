"""Large outputs in a folder survive the processes that made them, and go with their task."""

import pickle

import pytest

from actors.errors import OutputGone
from actors.payloads.folder import PayloadFolder
from actors.payloads.store import StoredOutput


@pytest.fixture
def folder(tmp_path):
    return PayloadFolder(f"file://{tmp_path}/outputs")


def test_another_process_reads_what_was_kept(folder):
    kept = folder.keep("t1", "t1.4", b"[1]")

    assert kept == StoredOutput("t1", "t1.4")
    assert pickle.loads(pickle.dumps(folder)).read(pickle.loads(pickle.dumps(kept))) == b"[1]"  # noqa: S301 - our own


async def test_a_stored_output_is_a_reference_to_itself(folder):
    kept = folder.keep("t1", "t1.4", b"[1]")

    assert await kept == kept


def test_an_output_that_is_gone_is_told(folder):
    with pytest.raises(OutputGone, match=r"attempt 't1\.4' cannot be read"):
        folder.read(StoredOutput("t1", "t1.4"))


def test_where_nothing_can_be_written_the_output_is_returned(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    folder = PayloadFolder(f"file://{tmp_path}/file")

    assert folder.read(folder.keep("t1", "t1.4", b"[1]")) == b"[1]"
    assert "t1.4" in caplog.text


def test_outputs_of_deleted_tasks_are_removed(folder):
    kept = [folder.keep(task, f"{task}.1", b"[1]") for task in ("t1", "t2")]

    assert folder.remove_of_deleted_tasks(lambda task: task == "t2") == 1

    assert folder.read(kept[1]) == b"[1]"
    with pytest.raises(OutputGone):
        folder.read(kept[0])


def test_a_folder_that_was_never_used_has_nothing_to_remove(folder):
    assert folder.remove_of_deleted_tasks(lambda _: False) == 0
