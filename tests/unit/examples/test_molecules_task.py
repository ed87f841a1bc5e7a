"""What the example declares holds together: catalog, workflow and functions."""

from inspect import signature

import pytest
import yaml

from actors.import_path import load
from examples.hello import agents as hello
from examples.molecules.agents import rank, report
from examples.molecules.task import CATALOG, molecules_task
from examples.molecules.values import Gap
from planners.agents import Catalog
from planners.eligibility import Eligibility
from planners.expansion import flatten
from planners.tasks import Mode, Task
from planners.validation import check

MOLECULES = [{"smiles": "C=O", "name": "formaldehyde"}, {"smiles": "C=C", "name": "ethylene"}]


def catalog_in(path) -> Catalog:
    return Catalog.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_every_molecule_gets_a_branch_and_all_join_in_the_ranking():
    task = molecules_task(MOLECULES)

    flat = flatten(task.workflow, task.inputs)

    assert [step.id for step in flat.steps] == [
        *(f"{step}[{index}]" for index in (0, 1) for step in ("conformer", "geometry", "gap")),
        "ranking",
        "report",
    ]
    assert flat.by_id["ranking"].data_parents == ("gap[0]", "gap[1]")


def test_the_mode_is_what_was_asked_for():
    assert molecules_task(MOLECULES, Mode.WAIT).planning.mode is Mode.WAIT


@pytest.mark.parametrize("folder", ["molecules", "hello"])
def test_catalog_and_task_of_an_example_are_accepted_by_the_service(folder):
    here = CATALOG.parents[1] / folder
    catalog = catalog_in(here / "catalog.yaml")

    check(Task.model_validate(yaml.safe_load((here / "task.yaml").read_text(encoding="utf-8"))), catalog)


def test_each_agent_takes_what_the_workflow_binds():
    catalog = catalog_in(CATALOG)
    flat = flatten(molecules_task(MOLECULES).workflow, {"molecules": MOLECULES})

    for step in flat.steps:
        for agent in catalog.by_capability[step.capability]:
            assert set(signature(load(agent.target)).parameters) == set(step.inputs)


def test_only_the_better_agents_may_do_the_default_task():
    flat = flatten(molecules_task(MOLECULES).workflow, {"molecules": MOLECULES})
    catalog = catalog_in(CATALOG)

    allowed = {step.capability: [agent.name for agent in Eligibility().agents(step, catalog)] for step in flat.steps}

    assert allowed["geometry"] == ["gfn2"]
    assert allowed["gap"] == ["gap-b3lyp", "gap-b3lyp-fine"]


def gap(ev: float) -> Gap:
    return Gap(method="X", energy_hartree=-1.0, homo_hartree=-0.5, lumo_hartree=0.25, gap_ev=ev)


def test_ranking_is_by_gap_and_then_by_name():
    molecules = [{"smiles": "A", "name": "z"}, {"smiles": "B", "name": "b"}, {"smiles": "C", "name": "a"}]

    ranking = rank(molecules, [gap(1.0), gap(2.0), gap(2.0)])

    assert [(entry["place"], entry["name"]) for entry in ranking] == [(1, "z"), (2, "a"), (3, "b")]


def test_the_report_has_a_row_for_each_molecule():
    text = report(rank([{"smiles": "A", "name": "water"}], [gap(7.12345)]))

    assert "| 1 | water | 7.123 | -13.606 | 6.803 | X |" in text.splitlines()


async def test_hello_greets_everybody():
    lines = [await hello.shout(await hello.greet(name)) for name in ("Ada", "Grace")]

    assert hello.card(lines).splitlines()[1:3] == ["| HELLO, ADA!   |", "| HELLO, GRACE! |"]
