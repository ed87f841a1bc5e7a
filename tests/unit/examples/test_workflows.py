"""The examples of workflows that branch, iterate and do not wait for everything, run in this process."""

import asyncio
from pathlib import Path

import pytest
import yaml

from forerun import Catalog, LocalService, Task, TaskView, agent, load_catalog, run
from planners.model import StepId
from planners.validation import parse
from reconciler.state.events import StepAnswered
from reconciler.state.waiting import WaitKind

EXAMPLES = Path(__file__).parents[3] / "examples"
# Fewer molecules than the example has, and gaps as if the costly methods had run.
GAPS = {"C=C": 11.0, "CC": 14.0, "CO": 13.0, "CCO": 12.0, "O=CC=O": 3.0, "CCC": 13.0}


def the_task(name: str, **inputs) -> Task:
    document = yaml.safe_load((EXAMPLES / name / "task.yaml").read_text("utf-8"))
    return parse(document | {"inputs": document["inputs"] | inputs})


def the_catalog(name: str) -> Catalog:
    return load_catalog(EXAMPLES / name / "catalog.yaml")


def _asks(view: TaskView) -> bool:
    return any(reason.step == "sign" and reason.kind is WaitKind.ANSWER for reason in view.waiting)


async def answered(task: Task, catalog: Catalog, **answer):
    """The task after its approval was answered."""
    async with LocalService(catalog) as service:
        view = await service.submit(task)
        async with asyncio.timeout(60):
            while not _asks(await service.shard.show(view.id)):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await service.shard.answer(view.id, StepId("sign"), StepAnswered(at_s=0, attempt="", **answer))
        return await service.ended(view.id)


@pytest.mark.asyncio
async def test_a_reply_to_a_customer_is_sent_when_it_is_approved():
    task = the_task("support")

    view = await answered(task, the_catalog("support"), approved=True)

    assert view.outputs["reply"].startswith("Dear customer, Thank you")
    assert view.outputs["reply"].endswith("Your support team")
    assert view.outputs["sent"] == "sent: " + view.outputs["reply"]


def test_a_reply_that_nobody_approves_is_not_sent():
    view = run(the_task("support"), [the_catalog("support")], virtual_time=True)

    assert view.outputs["sent"] == "not sent"


def test_praise_takes_another_way_and_needs_no_facts():
    view = run(the_task("support", mail="What lovely cups."), [the_catalog("support")], virtual_time=True)

    assert "We are glad" in view.outputs["reply"]
    assert view.steps.skipped > 0


def test_a_brief_does_not_wait_for_a_straggler_and_says_what_is_missing():
    view = run(the_task("brief"), [the_catalog("brief")], virtual_time=True)

    assert view.outputs["brief"].endswith("Not included: Slow Corp, Ghost Ltd.")
    assert view.ended_s < 2


def test_screening_asks_costly_methods_only_where_that_matters_and_stops_early():
    pytest.importorskip("rdkit")
    asked = []

    @agent(capability="conformer", name="etkdg")
    def conformer(smiles: str) -> dict[str, str]:
        return {"smiles": smiles}

    def gap(geometry: dict[str, str], method: str) -> dict[str, object]:
        orbitals = dict.fromkeys(("energy_hartree", "homo_hartree", "lumo_hartree"), 0.0)
        return {"gap_ev": GAPS[geometry["smiles"]], "method": method, **orbitals}

    @agent(capability="quick gap", name="gfn2")
    def quick(geometry: dict[str, str]) -> dict[str, object]:
        return gap(geometry, "GFN2-xTB")

    @agent(capability="accurate gap", name="b3lyp")
    def accurate(geometry: dict[str, str]) -> dict[str, object]:
        asked.append(geometry["smiles"])
        return gap(geometry, "B3LYP")

    references = [{"smiles": smiles, "name": smiles} for smiles in ("C=C", "CC", "CO")]
    candidates = [{"smiles": smiles, "name": smiles} for smiles in ("CCO", "O=CC=O", "CCC", "CCCC")]
    task = the_task("surrogate", references=references, candidates=candidates)
    steps = task.model_dump(mode="json")
    first = next(node for node in steps["workflow"]["steps"] if node["id"] == "start")
    first["inputs"]["size"] = 2
    loop = next(node for node in steps["workflow"]["steps"] if node["id"] == "screening")
    loop["loop"][1]["inputs"]["wanted"] = 1

    view = run(steps, [the_catalog("surrogate"), conformer, quick, accurate], virtual_time=True)

    assert view.outputs["hits"] == [{"name": "O=CC=O", "gap_ev": 3.0, "method": "B3LYP"}]
    assert [molecule["name"] for molecule in view.outputs["unseen"]] == ["CCC", "CCCC"]
    assert set(asked) == {"O=CC=O"}


def test_levels_propose_the_ones_below_and_the_step_stands_for_the_result():
    view = run(the_task("strategy"), [the_catalog("strategy")], virtual_time=True)

    assert view.outputs["advice"].splitlines() == [
        "Where should we open the next office?",
        "- Chile: the press says that Chile grows; the chamber of trade says that Chile grows",
        "- Ghana: the press says that Ghana grows; the chamber of trade says that Ghana grows",
        "- Japan: mature, slow to change suppliers",
    ]


@pytest.mark.parametrize("mode", ["forerun", "wait"])
def test_a_newsroom_shares_facts_and_talks_about_the_article(mode):
    document = yaml.safe_load((EXAMPLES / "newsroom" / "task.yaml").read_text("utf-8"))
    task = parse(document | {"planning": {"mode": mode}})

    view = run(task, [the_catalog("newsroom")], virtual_time=True)

    facts = [f"The new bridge: {source} is sure of it" for source in ("the architect", "the mayor")]
    asked = ", ".join(f"asked {source}" for source in task.inputs["sources"])
    article = f"{'. '.join(facts)}. In a lively style: The new bridge: the ... ({asked})"
    assert view.outputs == {
        "article": article,
        "remarks": 1,
        "doubts": ["The new bridge: a rumour is sure of it"],
    }
