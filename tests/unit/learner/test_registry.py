import pickle

import pytest

from learner.errors import CorruptVersion, UnknownVersion
from learner.registry import LoadedVersion, Registry


def text(files):
    return files["model.txt"].decode()


@pytest.fixture
def registry(tmp_path):
    found = Registry(tmp_path / "models", keep=3)
    found.save({"model.txt": b"first"}, outcomes=10, figures={"brier": 0.2})
    found.save({"model.txt": b"second"}, outcomes=20)
    return found


def test_the_last_version_saved_is_the_champion(registry):
    assert registry.load(text) == LoadedVersion(2, "second", ())
    assert [(m.version, m.outcomes, m.figures) for m in registry.versions()] == [(1, 10, {"brier": 0.2}), (2, 20, {})]


def test_an_empty_folder_has_nothing_to_load(tmp_path):
    empty = Registry(tmp_path)

    assert empty.load(text) == LoadedVersion(None, None, ())
    assert empty.champion is None


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone", "manifest"])
def test_a_damaged_version_is_reported_and_replaced_by_the_one_before(registry, tmp_path, damage):
    path = tmp_path / "models" / "v2" / ("manifest.json" if damage == "manifest" else "model.txt")
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes({"flipped": b"sEcond", "cut": b"", "manifest": b"{"}[damage])

    version, value, corrupt = registry.load(text)

    assert (version, value) == (1, "first")
    assert "version 2" in str(corrupt[0])
    assert registry.champion == 1
    assert registry.load(text).corrupt == ()


def test_a_version_that_does_not_decode_is_corrupt_too(registry):
    def only_first(files):
        if files["model.txt"] != b"first":
            raise KeyError("tree")
        return "first"

    assert registry.load(only_first)[:2] == (1, "first")


def test_no_usable_version_is_not_an_error(registry, tmp_path):
    for version in (1, 2):
        (tmp_path / "models" / f"v{version}" / "model.txt").write_bytes(b"?")
    version, value, corrupt = registry.load(text)

    assert (version, value, len(corrupt)) == (None, None, 2)


def test_rollback_goes_to_the_version_before_or_to_the_one_named(registry):
    registry.save({"model.txt": b"third"})

    assert registry.rollback() == 2
    assert registry.load(text).value == "second"
    assert registry.rollback(1) == 1
    assert registry.rollback(3) == 3


def test_a_refused_rollback_changes_nothing(registry, tmp_path):
    with pytest.raises(UnknownVersion, match="no version 7"):
        registry.rollback(7)
    (tmp_path / "models" / "v1" / "model.txt").write_bytes(b"?")
    with pytest.raises(CorruptVersion):
        registry.rollback()
    assert registry.champion == 2
    registry.rollback(2)
    (tmp_path / "models" / "champion").write_text("1")
    with pytest.raises(UnknownVersion, match="no earlier"):
        registry.rollback()


def test_a_version_saved_after_a_rollback_gets_a_new_number(registry):
    registry.rollback(1)

    assert registry.save({"model.txt": b"third"}) == 3
    assert registry.load(text).value == "third"


def test_only_the_newest_versions_are_kept(registry):
    for number in range(5):
        registry.save({"model.txt": str(number).encode()})

    assert [manifest.version for manifest in registry.versions()] == [5, 6, 7]


def test_a_half_written_folder_is_no_version(registry, tmp_path):
    (tmp_path / "models" / ".3.part").mkdir()
    (tmp_path / "models" / ".3.part" / "model.txt").write_bytes(b"half")

    assert registry.load(text).value == "second"
    assert registry.save({"model.txt": b"third"}) == 3


def test_a_manifest_cannot_name_files_outside_its_folder(registry, tmp_path):
    path = tmp_path / "models" / "v2" / "manifest.json"
    path.write_text(path.read_text().replace('"model.txt"', '"../v1/model.txt"'))

    assert registry.load(text).version == 1


def test_errors_pickle():
    error = pickle.loads(pickle.dumps(UnknownVersion("no", "version", "look")))  # noqa: S301 our own bytes

    assert (type(error), error.field, error.fix) == (UnknownVersion, "version", "look")
