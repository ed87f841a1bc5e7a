"""A language model names the clients of each round, and says when to end."""

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

import forerun
from benchmarks.scripted_llm import ScriptedLLM
from examples.federated.agents import Choice, RoundAdvice, choose_advised
from examples.federated.task import CATALOG, FederatedPlan, federated_task

CHOICE = Choice(clients=4, alpha=1.0, slow=0, poisoned=0, seconds=0.0)
SAID = {
    "Round 0:": {"clients": [0, 1, 2, 99], "last": False},
    "Round 1:": {"clients": [1, 3], "last": True},
}


def catalog_with_adviser(folder: Path, llm: ScriptedLLM) -> Path:
    schema = RoundAdvice.model_json_schema()
    prompt = "Round {{ turn }}: choose clients by {{ records }}"
    settings = {"base_url": llm.base_url, "prompt": prompt}
    adviser = {"name": "adviser", "capability": "advise", "kind": "llm", "target": llm.model, "settings": settings}
    catalog = yaml.safe_load(CATALOG.read_text())
    catalog["agents"].append(adviser | {"output_schema": schema})
    file = folder / "catalog.yaml"
    file.write_text(yaml.safe_dump(catalog))
    return file


def test_a_language_model_decides_on_clients_and_rounds(tmp_path):
    plan = FederatedPlan(clients=4, rounds=9, seconds=0, epochs=1, advised=True)

    with ScriptedLLM({}, objects=SAID) as llm:
        view = forerun.run(federated_task(plan), agents=[catalog_with_adviser(tmp_path, llm)])

    assert view.failure is None, view.failure.told
    assert len(llm.requests) == 2
    assert "usefulness" in str(llm.requests[1]["messages"])
    assert view.outputs["result"]["answered"] == 2
    assert view.outputs["result"]["dense_bytes"] == 5 * 4 * 2410


def test_advice_that_names_nobody_leaves_all_clients():
    assert len(choose_advised(CHOICE, RoundAdvice(clients=[7], last=False))) == 4


@pytest.mark.parametrize(
    "options",
    [
        {"advised": True, "chosen": 2},
        {"secure": True, "advised": True},
        {"secure": True, "personal": True},
        {"secure": True, "chosen": 2},
    ],
)
def test_options_that_contradict_each_other_are_refused(options):
    with pytest.raises(ValidationError, match=r"leave chosen at 0|turn one of the two off"):
        FederatedPlan(**options)
