"""The kernel, as Python and as machine code, makes the schedules that the Python classes make."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from random import Random

import numpy as np
import pytest
from schedule_questions import COSTS

from planners.agents import AgentSpec, Catalog, Price, Provider
from planners.cluster import ClusterNode, ClusterSnapshot, Reservation
from planners.requests import InFlight, PlanRequest
from planners.resources import Resources
from planners.scheduling.cp_sat.large_neighbourhood.local_search import local_search
from planners.scheduling.kernel import compilation, memory, passes
from planners.scheduling.kernel.compilation import LOADER, KernelLoader, loaded
from planners.scheduling.kernel.compilation import compiled as compiled_in
from planners.scheduling.kernel.example import call_all
from planners.scheduling.kernel.functions import Kernel
from planners.scheduling.kernel.placement import earliest, not_before
from planners.scheduling.list_scheduling import compiled
from planners.scheduling.list_scheduling.budget_price import priced_choice
from planners.scheduling.list_scheduling.compiled import CompiledPasses
from planners.scheduling.list_scheduling.greedy import greedy
from planners.scheduling.list_scheduling.iterated_heft import _IteratedHeft, iterated_heft, randomized_heft
from planners.scheduling.list_scheduling.justification import justified
from planners.scheduling.list_scheduling.list_schedule import fast_schedule
from planners.scheduling.list_scheduling.priorities import order_by_priority
from planners.scheduling.list_scheduling.schedule import satisfies_limits
from planners.scheduling.list_scheduling.tie_breaking import break_ties
from planners.scheduling.problem.build import build_problem
from planners.tasks import Limits, Objective, Task
from planners.work_keys import InputDigests, work_keys
from planners.workflow import FlatWorkflow, Step, Workflow


def agents(draw):
    for capability in "abc":
        for i in range(3):
            yield AgentSpec(
                name=f"{capability}{i}",
                capability=capability,
                expected_s=draw.randint(10, 80) / 10 / (i + 1),
                price=Price(usd_per_call=0.1 * i * draw.randint(1, 5), usd_per_s=0.01 * draw.randint(0, 3)),
                resources=Resources(cpus=draw.choice([0, 1, 1, 2]), memory_bytes=draw.choice([0, 1 << 30])),
                quality=draw.choice([0.5, 0.9, 0.95]),
                output_bytes=draw.choice([0, 10**7, 10**8]),
                provider="cloud" if i == 2 else None,
                concurrency=draw.choice([None, None, 2]),
            )


def workflow(draw, count):
    steps = []
    for i in range(count):
        parents = draw.sample(range(max(0, i - 12), i), min(i, draw.choice([0, 1, 2, 5])))
        inputs = {f"p{p}": f"$steps.s{p}" for p in parents}
        steps.append(Step(id=f"s{i}", capability=draw.choice("abc"), inputs=inputs))
    return FlatWorkflow(steps=tuple(steps))


def random_problem(seed, count=40):
    """Everything that a schedule can depend on: transfers, limits, reservations, budgets, attempts in flight."""
    draw = Random(seed)
    flat = workflow(draw, count)
    catalog = Catalog(
        agents=tuple(agents(draw)),
        providers=(
            Provider(name="cloud", max_concurrent=draw.choice([None, 3]), requests_per_s=draw.choice([None, 1.5])),
        ),
    )
    nodes = tuple(
        ClusterNode(
            id=f"n{i}", node_class=f"k{i % 2}", total=Resources(cpus=2 + i % 2, memory_bytes=3 << 30), speed=1 + i % 2
        )
        for i in range(5)
    )
    reservations = (
        Reservation(node="n1", resources=Resources(cpus=1), start_s=2.0, end_s=6.5),
        Reservation(provider="cloud", calls=2, start_s=0.0, end_s=4.0),
    )
    cluster = ClusterSnapshot(
        nodes=nodes, reservations=reservations if draw.random() < 0.5 else (), bandwidth_bytes_per_s=1e8
    )
    task = Task(workflow=Workflow(steps=flat.steps), objective=Objective(usd_weight=draw.choice([0.0, 2.0])))
    in_flight = running(flat, catalog, draw) if draw.random() < 0.5 else ()
    request = PlanRequest(task=task, catalog=catalog, cluster=cluster, in_flight=in_flight)
    problem = build_problem(flat, request, COSTS)
    if draw.random() < 0.5:
        usd = sum(problem.min_usd) + 0.3 * (greedy(problem).usd - sum(problem.min_usd)) + 0.01
        task = task.model_copy(update={"limits": Limits(budget_usd=usd)})
        problem = build_problem(flat, request.model_copy(update={"task": task}), COSTS)
    return problem


def running(flat, catalog, draw):
    """Attempts of some of the first steps, of any of their agents."""
    chosen = {step.id: f"{step.capability}{draw.randrange(3)}" for step in flat.steps}
    keys = work_keys([(step, catalog.by_name[chosen[step.id]].identity) for step in flat.steps], InputDigests({}))
    first = [step for step in flat.steps[:8] if draw.random() < 0.6]
    return tuple(
        InFlight(
            work_key=keys[step.id],
            agent=chosen[step.id],
            node=f"n{draw.randrange(5)}",
            elapsed_s=0.5,
            finished=draw.random() < 0.5,
        )
        for step in first
    )


def everything(problem, seed):
    """Schedules of every kind that the kernel makes."""
    draw = Random(seed)
    plain = greedy(problem)
    best = iterated_heft(problem)
    *_, varied = randomized_heft(problem, best, 3, seed)
    order = list(order_by_priority(problem, [draw.randrange(9) for _ in problem.steps]))
    preferences = [(draw.randrange(len(modes)), 0) for modes in problem.modes]
    preferences = [
        (mode, draw.choice(problem.groups[problem.modes[step][mode].group].nodes)) if draw.random() < 0.5 else None
        for step, (mode, _) in enumerate(preferences)
    ]
    tied = break_ties(problem, plain, preferences)
    *_, moved = plain, *local_search(problem, plain, 5, draw)
    return (
        plain,
        best,
        varied,
        order,
        tied,
        moved,
        break_ties(problem, best),
        justified(problem, varied),
        fast_schedule(problem),
    )


def with_kernel(kernel, problem, seed, monkeypatch):
    """Everything by the kernel, which must have been asked."""
    asked = []

    def passes(*given):
        asked.append(given)
        return CompiledPasses(*given)

    monkeypatch.setattr(LOADER, "kernel", kernel)
    monkeypatch.setattr(_IteratedHeft, "vary", lambda _search: None)  # there is time for these passes only then
    monkeypatch.setattr(compiled, "CompiledPasses", passes)
    made = everything(problem, seed)
    assert asked
    return made


@pytest.mark.parametrize("seed", range(30))
def test_the_kernel_makes_the_schedules_of_the_classes(seed, monkeypatch):
    problem = random_problem(seed)
    expected = everything(problem, seed)
    assert with_kernel(Kernel(), problem, seed, monkeypatch) == expected


class WithoutNegativeIndices(np.ndarray):
    """Machine code does not look whether an index is negative."""

    def __getitem__(self, index):
        assert index >= 0
        return super().__getitem__(index)

    def __setitem__(self, index, value):
        assert index >= 0
        super().__setitem__(index, value)


def watched(function):
    """A function of the kernel that uses no negative index, and makes no neighbouring pieces of the same amount."""

    def call(m, *given):
        floats, numbers = given[:1], given[1:]
        arrays, given_pieces = (each.view(WithoutNegativeIndices) for each in (m, *floats)), like_pieces(m)
        result = function(*arrays, *numbers)
        assert like_pieces(m) <= given_pieces
        return result

    return call


def like_pieces(m):
    """How many pieces of free capacity have as much as the one before them; there may be some before the first step."""
    count = 0
    for resource in range(m[memory.ROOM] - m[memory.SIZE]):
        begin, size = m[m[memory.BEGIN] + resource], m[m[memory.SIZE] + resource]
        times, free = (m[m[each] + begin : m[each] + begin + size] for each in (memory.TIMES, memory.FREE))
        assert (np.diff(times) > 0).all()
        count += (np.diff(free) == 0).sum()
    return count


@pytest.mark.parametrize("seed", range(6))
def test_no_index_is_negative_and_neighbouring_pieces_of_capacity_differ(seed, monkeypatch):
    problem = random_problem(seed)
    with_kernel(Kernel(*map(watched, Kernel())), problem, seed, monkeypatch)


def test_no_mode_can_start_before_the_time_at_which_its_score_is_estimated(monkeypatch):
    waits = [wait for seed in range(10) for wait in estimated_waits(random_problem(seed), monkeypatch)]
    assert any(waits)


def estimated_waits(problem, monkeypatch):
    """For every mode that is placed, how long it cannot start although its inputs are there."""
    waits, asked = [], []

    def estimated(m, kind, ready, duration):
        asked.append(not_before(m, kind, ready, duration))
        waits.append(asked[-1] - ready)
        return -(1 << 40)  # so that the mode is placed

    def placed(m, cell):
        start, node = earliest(m, cell)
        assert start >= (asked.pop() if asked else 0)  # other passes do not estimate
        return start, node

    with monkeypatch.context() as patched:
        patched.setattr(LOADER, "kernel", Kernel())
        patched.setattr(passes, "not_before", estimated)
        patched.setattr(passes, "earliest", placed)
        iterated_heft(problem)
    return waits


def test_machine_code_makes_the_same_schedules_and_is_read_again_from_its_folder(tmp_path, monkeypatch):
    pytest.importorskip("numba")
    problems = {seed: random_problem(seed, 60) for seed in range(12)}
    expected = {seed: everything(problem, seed) for seed, problem in problems.items()}
    # The process would be of the lowest priority, and the tests beside this one leave it no time.
    monkeypatch.setattr(compilation.subprocess, "run", lambda command, **_: call_all(compiled_in(Path(command[-1]))))
    kernel = loaded(tmp_path)
    assert {seed: with_kernel(kernel, problem, seed, monkeypatch) for seed, problem in problems.items()} == expected
    monkeypatch.setattr(compilation.subprocess, "run", None)  # it would compile once more
    assert loaded(tmp_path).serial.stats.cache_misses.total() == 0


@pytest.mark.parametrize("guess", [1e-9, 0.01, 1.0, 50.0, 1e15])
@pytest.mark.parametrize("share", [-0.1, 0.0, 0.02, 0.3, 0.9, 1.0, 2.0])
def test_the_kernel_finds_the_price_that_python_finds_from_any_guess(share, guess, monkeypatch):
    problem = next(found for found in map(random_problem, range(30)) if found.budget_usd and not found.has_in_flight)
    table = problem.mode_table
    least, most = sum(problem.min_usd), table.usd.max(axis=1).sum()
    problem = replace(problem, budget_usd=least + share * (most - least))
    time = table.duration + 0.01 * table.usd
    expected = priced_choice(problem, time, guess)
    assert bool(len(expected.usd)) == (share >= 0)
    monkeypatch.setattr(LOADER, "kernel", Kernel())
    found = priced_choice(problem, time, guess)
    assert [np.asarray(part).tolist() for part in found] == [np.asarray(part).tolist() for part in expected]


@pytest.mark.parametrize("seed", range(6))
def test_the_kernel_has_time_for_more_passes_which_never_make_it_worse(seed, monkeypatch):
    problem = random_problem(seed)
    plain = iterated_heft(problem)
    monkeypatch.setattr(LOADER, "kernel", Kernel())
    varied = iterated_heft(problem)
    assert (not satisfies_limits(problem, varied), varied.value) <= (not satisfies_limits(problem, plain), plain.value)


def test_problems_of_the_test_have_attempts_in_flight_budgets_and_limits():
    problems = [random_problem(seed) for seed in range(30)]
    assert any(problem.has_in_flight for problem in problems)
    assert any(problem.budget_usd is not None for problem in problems)
    assert any(mode.uses for problem in problems for modes in problem.modes for mode in modes)


def finished(loader):
    loader.want()
    if loader._thread is not None:
        loader._thread.join(60)
    return loader.kernel


def test_the_kernel_is_loaded_once_when_it_is_allowed_and_wanted(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(compilation, "find_spec", lambda _name: "installed")
    monkeypatch.setattr(compilation, "loaded", lambda folder: asked.append(folder) or Kernel())
    loader = KernelLoader()
    assert finished(loader) is None
    loader.allow(tmp_path)
    assert asked == []
    assert (finished(loader), finished(loader)) == (Kernel(), Kernel())
    assert asked == [tmp_path]


def test_machine_code_is_made_anew_when_any_module_of_the_kernel_changes(monkeypatch):
    """Where arrays begin is written into it."""
    package = Path(compilation.__file__).parent
    sources = {path.name: path.read_bytes() for path in package.glob("*.py")}
    monkeypatch.setattr(Path, "read_bytes", lambda path: sources[path.name])
    before = compilation._digest()
    for name, source in tuple(sources.items()):
        sources[name] = source + b"\n"
        assert compilation._digest() != before, name
        sources[name] = source
    assert compilation._digest() == before


def test_without_numba_nothing_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(compilation, "find_spec", lambda _name: None)
    loader = KernelLoader()
    loader.allow(tmp_path)
    assert finished(loader) is None


def test_a_folder_that_cannot_be_written_leaves_the_work_to_python(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(
        compilation, "find_spec", lambda name: find_spec("json") if name == "numba" else find_spec(name)
    )
    (tmp_path / "file").write_text("")
    loader = KernelLoader()
    loader.allow(tmp_path / "file" / "kernel")
    assert finished(loader) is None
    assert "not compiled" in caplog.text
