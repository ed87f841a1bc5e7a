"""Models are stored in versions: they are loaded after a restart, replaced by better ones, and rolled back."""

import pytest
from learners import AGENT, learner_of, sized, step, trained
from plan_examples import TOOLS, examples

from learner.errors import CorruptVersion, LearnerError
from learner.learner import Learner
from learner.models.bundle import ModelBundle
from learner.models.predictor_training import PredictorTrainingResult
from learner.predictor import TrainedPlanPredictor
from learner.registry import Registry


def test_models_are_stored_and_loaded_after_a_restart(tmp_path):
    before = trained(learner_of(sized(2_000), registry=Registry(tmp_path)))
    after = Learner(registry=Registry(tmp_path))

    assert after.status().version == before.status().version == 1
    assert after.status().models == ("survival", "duration:a")
    for n in range(4):
        both = [learner.snapshot().costs.duration(AGENT, step(n)) for learner in (before, after)]
        assert both[0] == both[1]


def test_a_round_that_is_no_better_replaces_nothing(tmp_path):
    learner = trained(learner_of(sized(2_000), registry=Registry(tmp_path)))
    durations = learner._store.models.durations
    trained(learner)

    assert learner._store.models.durations == durations


def test_a_damaged_file_is_reported_and_the_version_before_it_is_used(tmp_path):
    learner = trained(learner_of(sized(2_000), registry=Registry(tmp_path)))
    learner._store._replace(learner._store.models, 0)
    (tmp_path / "v2" / "survival.txt").write_text("not a model")

    status = Learner(registry=Registry(tmp_path)).status()

    assert status.version == 1
    assert "survival.txt" in status.problems[0]


def test_without_a_usable_version_the_learner_starts_cold_and_reports_it(tmp_path):
    trained(learner_of(sized(2_000), registry=Registry(tmp_path)))
    (tmp_path / "v1" / "durations.json").unlink()
    learner = Learner(registry=Registry(tmp_path))

    assert learner.snapshot().costs.duration(AGENT, step()).mean_s == 1.0
    assert learner.status().problems


def test_rollback_takes_effect_at_once(tmp_path):
    learner = trained(learner_of(sized(2_000), registry=Registry(tmp_path)))
    learner._store._replace(ModelBundle(), 0)
    assert learner.snapshot().survival is None

    assert learner.rollback() == 1
    assert learner.snapshot().survival is not None
    assert [manifest.version for manifest in learner.versions()] == [1, 2]


def test_a_learner_without_a_registry_cannot_roll_back():
    with pytest.raises(LearnerError):
        Learner().rollback()


def test_a_full_disk_does_not_stop_learning(tmp_path, monkeypatch):
    learner = learner_of(sized(2_000), registry=Registry(tmp_path))
    monkeypatch.setattr(
        Registry, "save", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    trained(learner)

    assert learner.snapshot().survival is not None
    assert "could not be stored" in learner.status().problems[0]


def test_rollback_refuses_a_version_that_cannot_be_read(tmp_path):
    """Its digests are right, but another release stored other files."""
    learner = trained(learner_of(sized(2_000), registry=Registry(tmp_path)))
    strange = Registry(tmp_path).save({"weights.bin": b"?"})
    learner._store._replace(learner._store.models, 0)

    with pytest.raises(CorruptVersion, match=f"version {strange}"):
        learner.rollback(strange)

    assert learner.status().version == Registry(tmp_path).champion == 3


def test_training_that_began_before_a_rollback_does_not_undo_it(tmp_path):
    learner = trained(learner_of(sized(2_000), registry=Registry(tmp_path)))
    learner._store._replace(ModelBundle(), 0)
    learner.observe(sized(2_000, seed=1))
    finish = learner.begin_training()
    learner.rollback(1)
    learner.rollback(2)

    learner.adopt(finish())

    assert learner.status().version == 2
    assert learner.snapshot().survival is None
    assert trained(learner).status().version == 3


def test_a_rollback_to_a_version_without_a_predictor_changes_the_predictor_number(tmp_path):
    learner = trained(learner_of(sized(2_000), registry=Registry(tmp_path)))
    learner.adopt_plans(PredictorTrainingResult(TrainedPlanPredictor.fit(list(examples(30)), TOOLS), 0.6, {"": (0.5,)}))
    learned = learner.predictor_number

    learner.rollback(1)

    assert learner._store.models.predictor is None
    assert learner.predictor_number > learned
