"""A full disk, a folder that cannot be written, and a kill at any moment leave the registry usable."""

import errno
from pathlib import Path

import pytest
from learners import learner_of, sized, trained

from learner import registry as module
from learner.actor import LearnerActor
from learner.errors import LearnerError
from learner.learner import Learner
from learner.registry import Registry


class Killed(BaseException):
    """Ends `save` as kill -9 does: nothing is cleaned up."""


def fail_at(patch, call, error):
    """Let the ``call``-th write, rename or sync of the registry fail, and all after it."""
    calls = iter(range(1_000))

    def failing(original):
        def called(*args, **kwargs):
            if next(calls) >= call:
                raise error
            return original(*args, **kwargs)

        return called

    patch.setattr(module, "_write", failing(module._write))
    patch.setattr(module, "_sync_folder", failing(module._sync_folder))
    patch.setattr(Path, "rename", failing(Path.rename))
    patch.setattr(Path, "replace", failing(Path.replace))


def text(files):
    return files["model.txt"].decode()


FILES = {"model.txt": b"second", "other.txt": b"2"}
# Two files and the manifest, two syncs and a rename, then the champion: a write, a rename and a sync.
STEPS = 9


@pytest.mark.parametrize("call", range(STEPS))
def test_a_kill_at_any_moment_of_saving_leaves_the_old_version_or_the_new_one(tmp_path, monkeypatch, call):
    Registry(tmp_path).save({"model.txt": b"first"})
    with monkeypatch.context() as patch:
        fail_at(patch, call, Killed())
        with pytest.raises(Killed):
            Registry(tmp_path).save(FILES)

    found = Registry(tmp_path).load(text)

    assert (found.value, found.corrupt) in (("first", ()), ("second", ()))
    assert Registry(tmp_path).load(text) == found
    assert Registry(tmp_path).save({"model.txt": b"third"}) > (found.version or 0)
    assert Registry(tmp_path).load(text).value == "third"


@pytest.mark.parametrize("call", range(STEPS))
def test_a_full_disk_at_any_moment_of_saving_leaves_no_garbage(tmp_path, monkeypatch, call):
    Registry(tmp_path).save({"model.txt": b"first"})
    with monkeypatch.context() as patch:
        fail_at(patch, call, OSError(errno.ENOSPC, "No space left on device"))
        with pytest.raises(OSError, match="No space"):
            Registry(tmp_path).save(FILES)

    assert not list(tmp_path.glob(".*.part/*"))
    assert Registry(tmp_path).load(text).value in ("first", "second")


def test_a_version_that_cannot_be_deleted_does_not_fail_saving(tmp_path, monkeypatch):
    monkeypatch.setattr(module.os, "rmdir", lambda *_, **__: (_ for _ in ()).throw(PermissionError))
    registry = Registry(tmp_path, keep=1)
    registry.save({"model.txt": b"first"})

    assert registry.save({"model.txt": b"second"}) == 2
    assert registry.load(text).value == "second"


def test_a_corrupt_champion_on_a_read_only_disk_is_passed_over(tmp_path, monkeypatch):
    registry = Registry(tmp_path)
    registry.save({"model.txt": b"first"})
    registry.save({"model.txt": b"second"})
    (tmp_path / "v2" / "model.txt").write_bytes(b"?")
    fail_at(monkeypatch, 0, OSError(errno.EROFS, "Read-only file system"))

    assert registry.load(text).value == "first"


def test_a_full_disk_is_reported_until_a_version_is_stored_again(tmp_path, monkeypatch):
    learner = learner_of(sized(1_000), registry=Registry(tmp_path))
    with monkeypatch.context() as patch:
        fail_at(patch, 0, OSError(errno.ENOSPC, "No space left on device"))
        trained(learner)
    assert learner.snapshot().survival is not None
    assert ["could not be stored" in problem for problem in learner.status().problems] == [True]
    assert learner.status().version is None

    learner.observe(sized(1_000, seed=1))
    learner._store._replace(learner._store.models, 0)

    assert learner.status().problems == ()
    assert Learner(registry=Registry(tmp_path)).snapshot().survival == learner.snapshot().survival


def test_a_rollback_that_cannot_be_stored_changes_nothing(tmp_path, monkeypatch):
    learner = trained(learner_of(sized(1_000), registry=Registry(tmp_path)))
    learner._store._replace(learner._store.models, 0)
    fail_at(monkeypatch, 0, OSError(errno.EROFS, "Read-only file system"))

    with pytest.raises(LearnerError, match="Read-only"):
        learner.rollback(1)

    assert learner.status().version == 2


def test_the_actor_starts_although_its_folder_cannot_be_made(tmp_path):
    (tmp_path / "data").write_text("a file")
    actor = LearnerActor(folder=tmp_path / "data" / "models")

    actor.record(sized(10))

    assert actor.status().outcomes == 10
