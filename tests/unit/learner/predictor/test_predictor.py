"""The plan predictor on small synthetic histories: what it learns, what it survives, what it stores."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from learner.predictor import CorruptPredictor, PlanExample, ToolText, TrainedPlanPredictor, candidates, storage
from learner.predictor.catalog_text import CatalogText
from learner.predictor.decision import choose
from learner.predictor.features import LabelledCandidates
from learner.predictor.numbered_plan import work_ids
from learner.predictor.plan_space import PlanSpace

CITIES = ("Oslo", "Lima", "Cairo", "Quito", "Riga", "Bern", "Doha", "Kiev")
CATALOG = [
    ToolText("search_train", "Search for trains between cities"),
    ToolText("book_hotel", "Book a hotel room"),
    ToolText("cancel_alarm", "Cancel an alarm"),
    ToolText("set_alarm", "Set a new alarm"),
    ToolText("translate_text", "Translate a text to another language"),
]


def chain(request: str, *steps: str) -> PlanExample:
    return PlanExample(request, steps, tuple((i, i + 1) for i in range(len(steps) - 1)))


def history(n: int) -> list[PlanExample]:
    """Four kinds of request; two differ in the order of their words only."""
    out = []
    for i in range(n):
        city, hour = CITIES[i % len(CITIES)], 6 + i % 5
        kinds = (
            chain(f"Find a train to {city}, then book a hotel there for {i} nights.", "search_train", "book_hotel"),
            chain(f"Book a hotel in {city} for {i} nights, then find a train there.", "book_hotel", "search_train"),
            chain(f"Please cancel my alarm at {hour}:30 and set one at {hour}:45.", "cancel_alarm", "set_alarm"),
            chain(f"Set an alarm for {hour} am tomorrow.", "set_alarm"),
        )
        out.append(kinds[i % 4])
    return out


@pytest.fixture(scope="module")
def trained() -> TrainedPlanPredictor:
    return TrainedPlanPredictor.fit(history(80), CATALOG)


def test_similar_request_gets_the_plan_of_its_kind(trained):
    (guess,) = trained.predict("Kindly cancel the alarm at 7:15 and set one at 8:00.")

    assert guess.steps == ("cancel_alarm", "set_alarm")
    assert guess.edges == ((0, 1),)


def test_order_of_words_decides_the_order_of_steps(trained):
    (forward,) = trained.predict("Find a train to Madrid, then book a hotel there for 2 nights.")
    (backward,) = trained.predict("Book a hotel in Madrid for 2 nights, then find a train there.")

    assert forward.steps == ("search_train", "book_hotel")
    assert backward.steps == ("book_hotel", "search_train")


def test_probabilities_are_one_per_part_and_within_bounds(trained):
    for guess in trained.predict("Set an alarm for 9 am and book a hotel.", k=5):
        assert len(guess.step_probability) == len(guess.steps)
        assert len(guess.edge_probability) == len(guess.edges)
        assert all(0 < p < 1 for p in (*guess.step_probability, *guess.edge_probability, guess.probability))


def test_k_guesses_are_distinct_and_bounded(trained):
    guesses = trained.predict("Find a train to Oslo.", k=3)

    assert 1 <= len(guesses) <= 3
    assert len({(guess.steps, guess.edges) for guess in guesses}) == len(guesses)


def test_cold_predictor_goes_by_the_words_of_the_catalog():
    (guess,) = TrainedPlanPredictor.cold(CATALOG).predict("Translate this text, and then cancel the alarm.")

    assert guess.steps == ("translate_text", "cancel_alarm")
    assert guess.edges == ((0, 1),)


def test_cold_predictor_links_by_schemas_where_they_are_given():
    catalog = [
        ToolText("load_table", "Load a table", ("path",), ("table",)),
        ToolText("draw_map", "Draw a map", ("area",), ("image",)),
        ToolText("plot_curve", "Plot a curve", ("table",), ("image",)),
    ]

    (guess,) = TrainedPlanPredictor.cold(catalog).predict("Load a table; draw a map; plot a curve.")

    assert guess.edges == ((0, 2),)


@pytest.mark.parametrize("request_text", ["", "   ", "!!!", "zzz qqq", "请帮我订票", "a" * 20_000])
def test_any_request_is_answered_without_error(trained, request_text):
    assert len(trained.predict(request_text)) <= 1
    assert len(TrainedPlanPredictor.cold(CATALOG).predict(request_text)) <= 1


def test_nothing_is_said_without_catalog_and_history():
    assert TrainedPlanPredictor.cold([]).predict("Book a hotel.") == []
    assert TrainedPlanPredictor.fit([], []).predict("Book a hotel.") == []


@pytest.mark.parametrize("n", [1, 2, 3, 35])
def test_few_one_class_and_duplicated_histories_are_survived(n):
    example = chain("Book a hotel in Oslo.", "book_hotel")

    (guess,) = TrainedPlanPredictor.fit([example] * n, CATALOG).predict("Book a hotel in Lima.")

    assert guess.steps == ("book_hotel",)


@pytest.mark.parametrize("n", [1, 4, 20])
def test_what_the_catalog_says_is_not_forgotten_for_what_few_outcomes_say(n):
    """There is no example with a translation; the catalog describes the tool."""
    (guess,) = TrainedPlanPredictor.fit(history(n), CATALOG).predict("Translate a text to another language, please")

    assert "translate_text" in guess.steps


def test_plans_without_steps_are_not_learned_from():
    assert TrainedPlanPredictor.fit([PlanExample("Hello.", (), ())], []).predict("Hello.") == []


def test_tools_outside_the_catalog_are_learned_from_outcomes():
    (guess,) = TrainedPlanPredictor.fit([chain("Paint the fence.", "paint")] * 3, []).predict("Paint the fence please.")

    assert guess.steps == ("paint",)


def test_repeated_steps_and_parallel_plans_keep_their_form():
    fan = PlanExample("Compare flights from two cities and choose.", ("find", "find", "choose"), ((0, 2), (1, 2)))
    others = history(40)

    (guess,) = TrainedPlanPredictor.fit([fan] * 10 + others, CATALOG).predict(
        "Compare flights from two towns and choose."
    )

    assert (guess.steps, guess.edges) == (fan.steps, fan.edges)


def test_same_history_and_seed_give_the_same_guesses(trained):
    again = TrainedPlanPredictor.fit(history(80), CATALOG)

    for request in ("Find a train to Oslo.", "Set two alarms.", "Cancel the hotel."):
        assert trained.predict(request, k=3) == again.predict(request, k=3)


def test_stored_predictor_guesses_as_before(trained, tmp_path: Path):
    trained.save(tmp_path / "plans.npz")
    TrainedPlanPredictor.cold(CATALOG).save(tmp_path / "cold.npz")

    for request in ("Find a train to Oslo.", "Set two alarms."):
        stored = TrainedPlanPredictor.load(tmp_path / "plans.npz").predict(request, k=2)
        before = trained.predict(request, k=2)
        assert [(g.steps, g.edges) for g in stored] == [(g.steps, g.edges) for g in before]
        assert np.allclose([g.probability for g in stored], [g.probability for g in before])
    assert TrainedPlanPredictor.load(tmp_path / "cold.npz").catalog == tuple(CATALOG)


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"not an archive" * 9])
def test_damaged_file_is_reported_by_name(trained, tmp_path: Path, damage):
    path = tmp_path / "plans.npz"
    trained.save(path)
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(CorruptPredictor, match=r"plans\.npz"):
        TrainedPlanPredictor.load(path)


def test_flipped_bytes_never_pass_for_a_predictor(trained, tmp_path: Path):
    path = tmp_path / "plans.npz"
    trained.save(path)
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    path.write_bytes(bytes(whole))

    with pytest.raises(CorruptPredictor):
        TrainedPlanPredictor.load(path)


def test_a_file_of_another_format_is_refused_with_both_numbers(trained, tmp_path: Path, monkeypatch):
    path = tmp_path / "plans.npz"
    with monkeypatch.context() as older:
        older.setattr(storage, "FORMAT", min(storage.READABLE) - 1)
        trained.save(path)

    with pytest.raises(
        CorruptPredictor, match=rf"format {min(storage.READABLE) - 1}, this version reads {storage.FORMAT}"
    ):
        TrainedPlanPredictor.load(path)


@pytest.mark.parametrize("examples", [0, 80])
def test_a_predictor_guesses_alike_in_another_process(examples):
    """It goes from the learner's actor to every shard; one that cannot travel leaves them without any advice."""
    predictor = TrainedPlanPredictor.fit(history(examples), CATALOG)
    arrived = pickle.loads(pickle.dumps(predictor))  # noqa: S301 - our own bytes

    request = "Find a train to Oslo, then book a hotel there for 3 nights."
    assert predictor.predict(request)
    assert arrived.predict(request) == predictor.predict(request)


def test_threads_that_predict_at_once_get_what_one_alone_gets(trained):
    requests = [f"Find a train to {city}, then cancel the alarm at {hour}." for city in CITIES for hour in (6, 7)]
    alone = [trained.predict(request, k=2) for request in requests]

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda request: trained.predict(request, k=2), requests)) == alone


def test_very_long_plans_are_learned_but_not_edited_step_by_step(monkeypatch):
    """Every edit of a plan of hundreds of steps would be one more candidate as long."""
    long = chain("Book every hotel there is.", *("book_hotel", "search_train") * 150)
    edited = []
    monkeypatch.setattr(candidates, "without_step", lambda plan, at: edited.append(len(plan[0])) or plan)

    (guess,) = TrainedPlanPredictor.fit([long] * 5 + history(20), CATALOG).predict("Book every hotel there is.")

    assert guess.steps == long.steps
    assert max(edited, default=0) < 30


def test_two_steps_are_the_same_work_only_if_all_above_them_is_the_same():
    first, second = ((1, 2, 3), ((0, 1), (1, 2))), ((2, 1, 2, 3), ((1, 2), (2, 3)))
    alone, after_one, last = (work_ids(first)[i] for i in range(3))

    assert work_ids(second)[1:] == (alone, after_one, last)
    assert work_ids(second)[0] not in work_ids(first)


def test_of_two_orders_of_the_same_steps_neither_first_step_is_a_sure_thing():
    """Both plans hold both steps, so both are sure to come; which of them comes first is not."""
    there, back = ((0, 1), ((0, 1),)), ((1, 0), ((0, 1),))
    space = PlanSpace(["train", "hotel"], [there, back])

    (choice,) = choose(space, LabelledCandidates.of(space, [there, back]), np.array([0.6, 0.4], dtype=np.float32))

    assert choice.plan == there
    assert choice.steps == pytest.approx([1.0, 1.0])
    assert choice.works == pytest.approx([0.6, 0.6])


def test_a_true_plan_counts_in_full_and_without_it_the_nearest_count_by_their_similarity():
    near, nearer, true = ((0,), ()), ((0, 1), ()), ((0, 1), ((0, 1),))
    space = PlanSpace(["load", "plot"], [near, nearer, true])

    assert LabelledCandidates.of(space, [near, true]).nearest_to(space, true).tolist() == [0, 1]
    assert LabelledCandidates.of(space, [near, nearer]).nearest_to(space, true).tolist() == [0, 0.5]


def test_schemas_say_which_tools_can_follow_each_other():
    tools = [ToolText("read", "", outputs=("text",)), ToolText("speak", "", ("text",), ("sound",)), ToolText("any", "")]
    joins = CatalogText(tools).joins(np.array([0, 1, 0, 2]), np.array([1, 0, 2, 1]))

    assert joins.tolist() == [1, 1, 1, 1]
    assert CatalogText(tools).joins(np.array([1]), np.array([1])).tolist() == [0]
