"""The gate's ledger and the versions of learned models: over HTTP, on the command line, from the learner's actor."""

import json
import subprocess
import sys

import httpx
import pytest
from ray.exceptions import RayActorError, RayTaskError
from typer.testing import CliRunner

import orchestrator.cli.tasks
from learner.errors import CorruptVersion, LearnerError, UnknownVersion
from learner.learner import Learner
from learner.registry import Manifest
from orchestrator.cli.app import app as cli
from orchestrator.client.client import Client
from orchestrator.client.errors import NotFound
from orchestrator.errors import LearnerOff, Unavailable
from orchestrator.gateway.protocol import LearnerVersions
from orchestrator.gateway.ray_gateway import RayGateway
from orchestrator.problems import status_of
from orchestrator.settings import LearnerSettings, Settings
from reconciler.state.outcomes import Outcome, Verdict

VERSIONS = LearnerVersions(
    in_use=3,
    versions=tuple(
        Manifest(version=number, outcomes=500 * number, figures={"survival_log_loss": 0.3}, files={})
        for number in (1, 2, 3)
    ),
)


def guess(step: str, verdict: Verdict, *, dispatched: bool = True) -> Outcome:
    return Outcome(
        task="t1",
        task_kind="orders",
        attempt=f"t1/{step}/1",
        step=step,
        capability="look_up",
        agent="looker",
        node="n1",
        speculative=True,
        verdict=verdict,
        succeeded=True,
        seconds=2.0,
        expected_s=2.0,
        probability=0.9,
        saved_s=2.0,
        own_s=2.0,
        cost_usd=0.004,
        realised_s=1.5 if verdict.survives else None,
        dispatched=dispatched,
        value_of_time_usd_per_s=0.01,
    )


@pytest.fixture
def learned(gateway):
    """A gateway whose learner has seen three guesses: one was right, one wrong, one not dispatched that was right."""
    learner = Learner()
    learner.observe(
        [
            guess("right", Verdict.COMMIT),
            guess("wrong", Verdict.FLUSH),
            guess("shy", Verdict.REPARENT, dispatched=False),
        ]
    )
    gateway.learned = {"enabled": True, **learner.status().model_dump(mode="json")}
    gateway.versions = VERSIONS
    return gateway


@pytest.fixture
def forerun(app, monkeypatch):
    def reaching(url: str) -> Client:
        return Client(url, transport=httpx.ASGITransport(app, raise_app_exceptions=False))

    monkeypatch.setattr(orchestrator.cli.tasks, "Client", reaching)
    monkeypatch.setenv("COLUMNS", "200")
    runner = CliRunner()
    return lambda *arguments: runner.invoke(cli, list(arguments))


# ---- over HTTP


async def test_versions_are_listed_with_the_one_in_use(learned, client):
    assert await client.learner_versions() == VERSIONS


@pytest.mark.parametrize(("asked", "in_use"), [(None, 2), (1, 1)])
async def test_rolling_back_changes_the_version_in_use(learned, client, asked, in_use):
    assert (await client.learner_rollback(asked)).in_use == in_use
    assert (await client.learner_versions()).in_use == in_use


async def test_an_unknown_version_is_not_found_and_changes_nothing(learned, client):
    with pytest.raises(NotFound) as caught:
        await client.learner_rollback(9)

    assert caught.value.field == "version"
    assert (await client.learner_versions()).in_use == 3


async def test_a_version_that_is_not_a_number_is_refused(learned, http):
    assert (await http.post("/v1/learner/rollback", params={"version": "old"})).status_code == 422
    assert (await http.post("/v1/learner/rollback", params={"version": "0"})).status_code == 422


@pytest.mark.parametrize(
    ("error", "status"), [(UnknownVersion("m"), 404), (CorruptVersion("m"), 409), (LearnerError("m"), 409)], ids=repr
)
def test_errors_of_the_learner_have_their_status(error, status):
    assert status_of(error) == status


# ---- on the command line


def test_the_ledger_shows_waste_worth_and_regret(learned, forerun):
    view = json.loads(forerun("ledger", "--json").stdout)["total"]

    assert (view["decisions"], view["dispatched"], view["survived"]) == (3, 2, 1)
    assert view["waste"] == 0.5
    # Saved 1.5 s worth 0.015 dollars, lost 0.004; the guess not dispatched would have been worth another 0.015.
    assert view["worth_usd"]["gate"] == pytest.approx(0.011)
    assert view["regret_usd"] == pytest.approx({"oracle": 0.019, "always": 0.015, "never": -0.011})


def test_the_ledger_is_printed_as_tables(learned, forerun):
    told = forerun("ledger").stdout

    assert "orders" in told
    assert "calibration over 3 speculative attempts: Brier 0.277, ECE 0.233" in told
    assert "not dispatched" in told
    assert told.index("shy") < told.index("wrong") < told.index("right"), "newest first"


def test_fewer_decisions_are_shown_when_asked(learned, forerun):
    assert len(json.loads(forerun("ledger", "--limit", "1", "--json").stdout)["entries"]) == 1
    assert forerun("ledger", "--limit", "1000").exit_code == 2


def test_an_empty_ledger_is_reported(gateway, forerun):
    gateway.learned = Learner().status().model_dump(mode="json")

    assert "no calibration" in forerun("ledger").stdout


def test_without_a_learner_there_is_no_ledger(gateway, forerun):
    gateway.learned = {"enabled": False}

    result = forerun("ledger")

    assert result.exit_code == 2
    assert "learner.enabled" in result.stderr


def test_versions_and_rollback_for_people_and_programs(learned, forerun):
    assert "3 (in use)" in forerun("learner", "versions").stdout
    assert forerun("learner", "rollback").stdout == "version 2 is in use\n"
    assert forerun("learner", "rollback", "1").stdout == "version 1 is in use\n"
    assert json.loads(forerun("learner", "versions", "--json").stdout)["in_use"] == 1
    refused = forerun("learner", "rollback")
    assert refused.exit_code == 2
    assert "error:" in refused.stderr


def test_an_empty_list_of_versions_is_reported(forerun):
    assert "No version" in forerun("learner", "versions").stdout


def test_the_learner_itself_is_shown_as_json(learned, forerun):
    assert json.loads(forerun("learner").stdout)["outcomes"] == 3


# ---- from the learner's actor


class _Actor:
    """Stands for the handle of the learner's actor."""

    def __init__(self, **answers):
        self._answers = answers

    def __getattr__(self, name):
        answer = self._answers[name]

        class Method:
            @staticmethod
            async def remote(*arguments):
                return answer(*arguments)

        return Method


def gateway_to(monkeypatch, actor: _Actor, *, enabled: bool = True) -> RayGateway:
    actors = {("forerun-learner", "forerun"): actor}
    monkeypatch.setattr("ray.get_actor", lambda name, namespace: actors[name, namespace])
    return RayGateway(Settings(learner=LearnerSettings(enabled=enabled)))


async def test_the_learner_is_asked_by_its_name(monkeypatch):
    asked = []
    status = Learner().status().model_copy(update={"version": 2})
    actor = _Actor(status=lambda: status, versions=lambda: list(VERSIONS.versions), rollback=asked.append)

    found = await gateway_to(monkeypatch, actor).learner_rollback(2)

    assert asked == [2]
    assert found == VERSIONS.model_copy(update={"in_use": 2})


async def test_what_the_learner_refuses_comes_back_as_itself(monkeypatch):
    def refusing(_version):
        raise RayTaskError("rollback", "trace", UnknownVersion("there is none", "version")).as_instanceof_cause()

    with pytest.raises(UnknownVersion):
        await gateway_to(monkeypatch, _Actor(rollback=refusing)).learner_rollback(7)


async def test_a_dead_learner_is_unavailable(monkeypatch):
    def dead():
        raise RayActorError

    with pytest.raises(Unavailable, match="the learner has died"):
        await gateway_to(monkeypatch, _Actor(status=dead)).learner_versions()


async def test_a_service_without_a_learner_has_no_versions(monkeypatch):
    with pytest.raises(LearnerOff):
        await gateway_to(monkeypatch, _Actor(), enabled=False).learner_versions()


_TRAINING = ("lightgbm", "sklearn", "scipy.optimize")
_SOLVER = ("ortools", "pandas")


@pytest.mark.parametrize(
    ("process", "others_need"),
    [
        ("orchestrator.cli.app", ("ray", *_TRAINING, *_SOLVER)),
        (
            "orchestrator.service.wiring",
            ("fastapi", "reconciler.runtime.actor", "planners.optimal", *_TRAINING, *_SOLVER),
        ),
        ("orchestrator.service.service_actors", ("fastapi", *_TRAINING, *_SOLVER)),
        ("orchestrator.ingress.deployment", ("orchestrator.ingress.app", "lightgbm", "ortools")),
        ("orchestrator.service.shard_builder, orchestrator.service.direct_ingress", (*_TRAINING, *_SOLVER)),
        ("orchestrator.service.planning", (*_TRAINING, *_SOLVER)),  # imports the solver once the service runs
        ("learner.actor", (*_TRAINING, *_SOLVER)),  # trains, but not while the service starts
    ],
)
def test_a_process_starts_without_what_it_does_not_need_yet(process, others_need):
    """LightGBM alone took a second of each."""
    told = f"import sys, {process}; print([m for m in {others_need} if m in sys.modules])"

    ended = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, timeout=60, check=True)  # noqa: S603 - our own

    assert ended.stdout.strip() == "[]"
