"""Models are stored in versions: they come back after a restart, are replaced, and are rolled back."""

import pytest
from learners import AGENT, learner_of, sized, step, trained
from plan_examples import TOOLS, examples

from learner.errors import CorruptVersion, LearnerError
from learner.learner import Learner
from learner.models.plan_training import TrainedPredictor
from learner.predictor import TrainedPlanPredictor
from learner.registry import Registry


def test_models_are_stored_and_come_back_after_a_restart(tmp_path):
    before = trained(learner_of(sized(2_000), registry=Registry(tmp_path)))
    after = Learner(registry=Registry(tmp_path))

    assert after.status().version == before.status().version == 1
    assert after.status().models == ("survival", "duration:a")
    for n in range(4):
        both = [learner.snapshot().costs.duration(AGENT, step(n)) for learner in (before, after)]
        assert both[0] == both[1]


def test_a_round_that_is_no_better_replaces_nothing(tmp_path):
    learner = trained(learner_of(sized(2_000), registry=Registry(tmp_path)))
    durations = learner._models.durations
    trained(learner)

    assert learner._models.durations == durations


def test_a_damaged_file_is_reported_and_the_version_before_it_used(tmp_path):
    learner = trained(learner_of(sized(2_000), registry=Registry(tmp_path)))
    learner._replace(learner._models, {})
    (tmp_path / "v2" / "survival.txt").write_text("not a model")

    status = Learner(registry=Registry(tmp_path)).status()

    assert status.version == 1
    assert "survival.txt" in status.problems[0]


def test_without_a_sound_version_the_learner_starts_cold_and_says_so(tmp_path):
    trained(learner_of(sized(2_000), registry=Registry(tmp_path)))
    (tmp_path / "v1" / "durations.json").unlink()
    learner = Learner(registry=Registry(tmp_path))

    assert learner.snapshot().costs.duration(AGENT, step()).mean_s == 1.0
    assert learner.status().problems


def test_rollback_takes_effect_at_once(tmp_path):
    learner = trained(learner_of(sized(2_000), registry=Registry(tmp_path)))
    learner._replace(type(learner._models)(), {})
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


def test_a_version_that_cannot_be_read_here_is_no_version_to_go_back_to(tmp_path):
    """Its digests are right, and yet it is of a release that stored something else."""
    learner = trained(learner_of(sized(2_000), registry=Registry(tmp_path)))
    strange = Registry(tmp_path).save({"weights.bin": b"?"})
    learner._replace(learner._models, {})

    with pytest.raises(CorruptVersion, match=f"version {strange}"):
        learner.rollback(strange)

    assert learner.status().version == Registry(tmp_path).champion == 3


def test_a_round_that_was_under_way_at_a_rollback_does_not_undo_it(tmp_path):
    learner = trained(learner_of(sized(2_000), registry=Registry(tmp_path)))
    learner._replace(type(learner._models)(), {})
    learner.observe(sized(2_000, seed=1))
    finish = learner.begin_training()
    learner.rollback(1)
    learner.rollback(2)

    learner.adopt(finish())

    assert learner.status().version == 2
    assert learner.snapshot().survival is None
    assert trained(learner).status().version == 3


def test_going_back_to_before_there_was_a_predictor_takes_it_from_those_who_have_it(tmp_path):
    learner = trained(learner_of(sized(2_000), registry=Registry(tmp_path)))
    learner.adopt_plans(TrainedPredictor(TrainedPlanPredictor.fit(list(examples(30)), TOOLS), 0.6, (0.5,)))
    learned = learner.predictor_number

    learner.rollback(1)

    assert learner._models.predictor is None
    assert learner.predictor_number > learned
