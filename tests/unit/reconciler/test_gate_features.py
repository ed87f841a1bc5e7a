from planners.bindings import Gather, Value
from planners.workflow import Step
from reconciler.state.features import MAX_FEATURES, step_features


def test_numbers_sizes_and_gathered_lists_are_features_and_references_are_not():
    step = Step(
        id="s",
        capability="x",
        inputs={
            "n": Value(value=3),
            "text": Value(value="four"),
            "many": Gather(gather=("$steps.a", "$steps.b")),
            "ref": "$inputs.x",
            "none": Value(value=None),
        },
    )

    assert step_features(step) == {"input:n": 3.0, "parents": 2.0, "size:many": 2.0, "size:text": 4.0}


def test_numbers_that_are_no_floats_are_left_out():
    step = Step(id="s", capability="x", inputs={"huge": Value(value=10**400), "nan": Value(value=float("nan"))})

    assert step_features(step) == {"parents": 0.0}


def test_there_are_never_more_than_agreed():
    step = Step(id="s", capability="x", inputs={f"i{n}": Value(value=n) for n in range(100)})

    assert len(step_features(step)) == MAX_FEATURES
