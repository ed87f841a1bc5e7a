"""Versions stored by earlier releases are loaded, and what cannot be read costs no more than itself.

``stored_models`` was written by release 0.1.0 before its modules were renamed.
"""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from learners import AGENT, step
from plan_examples import TOOLS

from learner.errors import CorruptVersion, LearnerError
from learner.learner import Learner
from learner.models.bundle import decode, encode
from learner.registry import Registry

STORED = Path(__file__).parent / "stored_models"


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(STORED, tmp_path / "models"))


def replace_file(folder, name, content):
    """Replace a stored file, with its digest, as if another release had written it."""
    (folder / "v2" / name).write_bytes(content)
    manifest = json.loads((folder / "v2" / "manifest.json").read_text())
    manifest["files"][name] = hashlib.sha256(content).hexdigest()
    (folder / "v2" / "manifest.json").write_text(json.dumps(manifest))


def test_models_of_the_earlier_release_are_loaded(folder):
    learner = Learner(registry=Registry(folder), tools=TOOLS)

    assert learner.status().problems == ()
    assert learner.status().version == 2
    assert learner.status().models == ("survival", "duration:a")
    assert learner.snapshot().costs.duration(AGENT, step(3)).p50_s == pytest.approx(4.479330309635014)
    assert learner.snapshot().survival.probability([0.6, 0.9, 0.9, 0.9, 0.7, 0.0]) == pytest.approx(0.9372601718835478)
    assert learner.predictor.predict("translate letter 7")[0].steps == ("translate",)
    assert learner.versions()[0].figures["survival_brier"] == pytest.approx(0.05556324705586557)


def test_files_keep_their_names_and_content(folder):
    """All but the predictor's, which has a format number of its own."""
    stored = {path.name: path.read_bytes() for path in (folder / "v2").iterdir() if path.name != "manifest.json"}
    encoded = encode(decode(stored))

    assert encoded.keys() == stored.keys()
    for name in ("survival.txt", "durations.json", "duration0_p50.txt", "duration0_p90.txt"):
        assert encoded[name] == stored[name]


@pytest.mark.parametrize(
    ("name", "lost"),
    [("predictor.npz", "predictor"), ("survival.npz", "survival"), ("duration0_p90.txt", "duration:a")],
)
def test_a_model_of_an_unknown_format_costs_only_itself(folder, name, lost):
    replace_file(folder, name, b"a later format")
    learner = Learner(registry=Registry(folder), tools=TOOLS)
    models = learner.status().models

    assert learner.status().version == 2
    assert [problem.startswith(f"version 2: {lost} cannot be read") for problem in learner.status().problems] == [True]
    assert set(models) == {"survival", "duration:a"} - {lost}
    assert (learner.predictor.fitted is None) == (lost == "predictor")


def test_rollback_to_a_version_that_can_only_be_read_in_part_is_refused(folder):
    replace_file(folder, "predictor.npz", b"a later format")

    with pytest.raises(CorruptVersion, match="predictor"):
        Learner(registry=Registry(folder)).rollback(2)


@pytest.mark.parametrize("content", [b"", b"one", b"1e400", b"[" * 100_000, b"\xff\xfe", b"9" * 5_000, b"-1", b"7"])
def test_a_damaged_champion_file_means_the_newest_version(folder, content):
    (folder / "champion").write_bytes(content)

    assert Learner(registry=Registry(folder)).status().version == 2


@pytest.mark.parametrize("name", ["v", "v0", "v01", "v\u00b2", "v\u0663", "v-1", "v1.part", "w1"])
def test_strange_names_beside_the_versions_are_ignored(folder, name):
    (folder / name).mkdir()

    assert Registry(folder).champion == 2
    assert Registry(folder).save({"durations.json": b"{}"}) == 3


@pytest.mark.parametrize("content", [b"", b"{", b"null", b'{"version": 2, "files": {"x": 1}}', b"[" * 100_000, b"\xff"])
def test_a_damaged_manifest_means_a_cold_start(folder, content):
    (folder / "v2" / "manifest.json").write_bytes(content)
    status = Learner(registry=Registry(folder)).status()

    assert status.version is None
    assert status.problems == ("version 2: its manifest cannot be read",)


def test_a_file_where_the_folder_should_be_means_that_nothing_is_stored(tmp_path):
    (tmp_path / "models").write_text("not a folder")
    learner = Learner(registry=Registry(tmp_path / "models" / "of the learner"))

    assert learner.status().version is None
    with pytest.raises(LearnerError):
        learner.rollback()
