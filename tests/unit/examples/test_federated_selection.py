"""Clients are chosen by speed and usefulness, and none is left out for good."""

from collections import Counter
from math import ceil
from statistics import median

from hypothesis import given, settings
from hypothesis import strategies as st

import forerun
from examples.federated.selection import ClientAnswer, Record, learned, picked, work
from examples.federated.task import CATALOG, FederatedPlan, federated_task
from forerun import Task

SLOW, USELESS = range(4), range(4, 8)


def answer(client: int) -> ClientAnswer:
    return ClientAnswer(5.0 if client in SLOW else 1.0, 0.05 if client in USELESS else 0.8)


def chosen_in(rounds: int, clients: int, count: int, *, patience_s: float = 10.0) -> list[list[int]]:
    """The clients of each round. Clients slower than ``patience_s`` do not answer."""
    records: list[Record] = []
    turns = []
    for turn in range(rounds):
        chosen = picked(records, clients, count)
        answers = {client: answer(client) for client in chosen if answer(client).seconds <= patience_s}
        records = learned(records, dict.fromkeys(chosen, 1.0), answers, turn)
        turns.append(chosen)
    return turns


def test_slow_and_useless_clients_are_chosen_less_but_never_starve():
    picks = Counter(client for chosen in chosen_in(60, 20, 8) for client in chosen)

    others = [picks[client] for client in range(20) if client not in {*SLOW, *USELESS}]
    poor = [picks[client] for client in (*SLOW, *USELESS)]
    assert max(poor) * 2 < sum(others) / len(others)
    assert min(poor) >= 3


def test_clients_that_never_answer_count_as_slow():
    picks = Counter(client for chosen in chosen_in(60, 20, 8, patience_s=2.0) for client in chosen)

    assert max(picks[client] for client in SLOW) < 60 / 5
    assert min(picks[client] for client in SLOW) >= 3


def test_a_client_that_recovers_is_chosen_again():
    records = [Record(client=each, turn=9, seconds=1.0, usefulness=0.1 if each == 5 else 0.6) for each in range(6)]
    assert 5 not in picked(records, 6, 4)

    for turn in range(10, 20):
        records = learned(records, {5: 1.0}, {5: ClientAnswer(1.0, 0.9)}, turn)

    assert 5 in picked([each.model_copy(update={"turn": 20}) for each in records], 6, 4)


@given(clients=st.integers(2, 30), count=st.integers(1, 30))
@settings(max_examples=25, deadline=None)
def test_every_client_is_chosen_again_within_bounded_rounds(clients: int, count: int):
    within = ceil(clients / max(1, round(min(count, clients) * 0.25)))
    first, *turns = chosen_in(3 * within + 1, clients, count)

    assert first == list(range(clients))
    assert all(len(set(chosen)) == min(count, clients) for chosen in turns)
    for begin in range(2 * within):
        assert {client for chosen in turns[begin : begin + within] for client in chosen} == set(range(clients))


def test_slow_clients_are_asked_for_the_work_that_they_do_in_time():
    """That they are five times slower is known after a few rounds without an answer."""
    records: list[Record] = []
    for turn in range(6):
        asked = {client: work(records).get(client, 1.0) for client in range(10)}
        took = {client: share * (5.0 if client in SLOW else 1.0) for client, share in asked.items()}
        answers = {client: ClientAnswer(seconds, 0.8) for client, seconds in took.items() if seconds <= 1.0}
        records = learned(records, asked, answers, turn)

    assert answers.keys() == set(range(10))
    assert all(0.1 <= asked[client] <= 0.2 for client in SLOW)
    assert all(asked[client] == 1.0 for client in range(10) if client not in SLOW)


def test_a_training_learns_who_is_slow():
    plan = FederatedPlan(rounds=5, chosen=10, slow=4, poisoned=4, enough=0.8)
    task = federated_task(plan).model_dump(mode="json", exclude_unset=True)
    begin, learn, _ = task["workflow"]["steps"]
    records = Task.model_validate(
        task | {"workflow": {"steps": [begin, learn | {"output": "remember"}], "outputs": {"records": "$steps.learn"}}}
    )

    view = forerun.run(records, agents=[CATALOG], virtual_time=True)

    assert view.failure is None, view.failure.told
    known = [Record.model_validate(each) for each in view.outputs["records"]]
    assert [record.client for record in known] == list(range(20))
    # Which of the equally fast clients a quorum takes varies, and with it how useful five rounds find each of them.
    assert all(0 <= record.usefulness <= 1 for record in known)
    usual = median(record.seconds for record in known[:16])
    assert all(record.seconds >= 1.5 * usual for record in known[16:])
