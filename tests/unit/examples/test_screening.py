"""The plan that the scripted LLM streams can be run with the catalogs it is meant for, and its tools are right."""

import pytest

from actors.catalog import load_catalog
from examples.molecules.task import CATALOG
from examples.screening import agents, script
from planners.agents import Catalog
from planners.interfaces import interfaces
from planners.optimal.decompose.goals import GoalText
from planners.optimal.decompose.step_validation import StepValidation
from planners.tasks import Mode
from planners.validation import check
from planners.workflow import Step

CASES = pytest.mark.parametrize("case", [script.EARLIER, script.ASKED], ids=["earlier", "asked"])


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog(agents=(*load_catalog(CATALOG).agents, *load_catalog(script.CATALOG).agents))


@CASES
def test_every_prepared_step_is_valid_as_it_streams(case: script.ScreeningCase, catalog: Catalog):
    drafts = StepValidation(GoalText(text=case.goal, inputs=case.inputs), interfaces(catalog))

    confirmed = [
        step for prepared in script.answers()[case.goal] for step in drafts.accept(Step.model_validate(prepared))
    ]
    drafts.close()

    assert len(confirmed) == len(script.answers()[case.goal])
    assert {step.capability for step in confirmed} <= set(catalog.by_capability)


@CASES
def test_the_goal_is_a_task_that_the_service_accepts(case: script.ScreeningCase, catalog: Catalog):
    task = script.screening_task(case)

    check(task, catalog)

    assert task.planning.mode is Mode.FORERUN


def test_the_speed_of_the_script_names_its_source():
    assert f"{script.TTFT_S:g} s" in script.SOURCE
    assert f"{script.TOKENS_PER_S:g} tokens" in script.SOURCE
    assert "github.com/" in script.SOURCE


def gap(gap_ev: float) -> agents.Gap:
    return {"method": "B3LYP", "energy_hartree": -1.0, "homo_hartree": -0.2, "lumo_hartree": 0.0, "gap_ev": gap_ev}


def test_a_gap_of_one_electronvolt_is_a_photon_of_1240_nanometres():
    assert agents.wavelengths([gap(1.0), gap(2.0)]) == [1239.841984, 619.920992]


def test_a_molecule_is_most_similar_to_itself():
    pytest.importorskip("rdkit")

    same, near, far = agents.similarities(["Nc1ccccc1", "Oc1ccccc1", "CCO"], "Nc1ccccc1")

    assert same == 1.0
    assert 1.0 > near > far


def test_the_table_begins_with_the_longest_wavelength():
    table = agents.absorption_table(["phenol", "nitrobenzene"], [gap(5.0), gap(4.0)], [248.0, 310.0], [0.2, 0.5])

    assert table.startswith("nitrobenzene should absorb at the longest wavelength, near 310 nm.")
    assert table.splitlines()[4].startswith("| nitrobenzene | 310 | 4.000 | 0.50 |")
