"""Random histories of a run, read off numbers."""

from histories import CATALOG, EFFECTS, SIZES, Answer, Death, Fate, History, Reply, other_than
from hypothesis import strategies as st
from worlds import NODES, planned, renamed

from planners.bindings import Gather, InputRef, StepRef, Value
from planners.model import StepId
from planners.plans import PlanKind
from planners.tasks import Interchange, Mode
from planners.workflow import Step
from reconciler.simulation import Restart
from reconciler.state.handoff import FailureKind

_CAPABILITIES = (*EFFECTS, "file", "write")
# Failures that an executor reports of an attempt; a lost node has its own model. The first may be tried again.
_LOST = (FailureKind.WORKER_LOST, FailureKind.TIMEOUT, FailureKind.CANCELLED)
_KINDS = (
    *(FailureKind.ERROR, FailureKind.WORKER_LOST, FailureKind.TIMEOUT) * 4,
    *sorted(set(FailureKind) - {FailureKind.NODE_LOST}),
)
# One number for each element keeps drawing cheap; a smaller number is a simpler element.
_NUMBERS = st.integers(0, 2**48)
_SHORT = st.lists(_NUMBERS, max_size=3)
_LONG = st.lists(_NUMBERS, max_size=10)


class _Choices:
    """Choices read off one number; 0 is the first option of each."""

    def __init__(self, number):
        self._number = number

    def of(self, options):
        self._number, index = divmod(self._number, len(options))
        return options[index]

    def upto(self, most):
        return self.of(range(most + 1))

    def once_in(self, times):
        """True for one number in so many."""
        return self.upto(times - 1) == times - 1

    def seconds(self, most=3):
        return self.upto(most * 100) / 100


def _step(number, earlier):
    """A step behind some of the earlier ones, with its agent and node."""
    choices = _Choices(number)
    capability, size, node = choices.of(_CAPABILITIES), choices.of(SIZES), choices.of(sorted(NODES))
    inputs = {"k": choices.of((Value(value=1), Value(value=2), InputRef(input="seed")))}
    after = ()
    if earlier and choices.once_in(2):
        inputs["one"] = StepRef(step=choices.of(earlier))
    if earlier and choices.once_in(3):
        inputs["many"] = Gather(gather=(StepRef(step=choices.of(earlier)), StepRef(step=choices.of(earlier))))
    if earlier and choices.once_in(4):
        after = (choices.of(earlier),)
    step = Step(id=StepId(f"s{len(earlier)}"), capability=capability, inputs=inputs, after=after)
    return step, f"{capability}-{size}", node


def _fate(number, kinds):
    choices = _Choices(number)
    failure = choices.of((None,) * 2 * len(kinds) + kinds)
    uncertain = failure in _LOST
    return Fate(
        seconds=choices.seconds() or 0.01,
        failure=failure,
        counts=not uncertain or choices.once_in(2),
        never_began=uncertain and choices.once_in(4),
        acts=choices.once_in(2),
        large=choices.once_in(3),
    )


def _reply(number, guesses):
    choices = _Choices(number)
    order = [*range(guesses)][:: choices.of((1, -1))]
    return Reply(
        guesses=tuple(order[: choices.upto(guesses)]),
        guess_s=choices.seconds(1),
        plan_s=choices.seconds(),
        prefixes=choices.upto(3),
        end=choices.of(("plan",) * 10 + ("silence", "failure")),
        forgets=choices.once_in(3),
        swaps=choices.once_in(2),
        renames=choices.once_in(6),
        revises=choices.once_in(3),
    )


def _guess(number, steps, agents, nodes):
    """The plan, or the beginning of it: renamed, on other nodes, by other agents, or with another literal."""
    choices = _Choices(number)
    cut = len(steps) - choices.upto(len(steps) - 1)
    names = {step.id: step.id for step in steps}
    if choices.once_in(2):
        names = {step.id: StepId(f"g{index}") for index, step in enumerate(steps)}
    kept = [renamed(step, names) for step in steps[:cut]]
    if choices.once_in(3):
        wrong = choices.upto(cut - 1)
        kept[wrong] = kept[wrong].model_copy(update={"inputs": kept[wrong].inputs | {"k": Value(value=3)}})
    by = [other_than({agent}, agent) if choices.once_in(4) else agent for agent in agents[:cut]]
    on = [choices.of((node, node, *sorted(NODES))) for node in nodes[:cut]]
    return planned(kept, by, on, PlanKind.SPECULATIVE, catalog=CATALOG)


def _answer(number):
    choices = _Choices(number)
    hook = choices.of(("truth", "unknown", "silence"))
    return Answer(hook, choices.seconds() if choices.once_in(2) else None)


def _death(number, node):
    choices = _Choices(number)
    return Death(node, choices.seconds(), choices.seconds(1))


def _restart(number):
    choices = _Choices(number)
    return Restart(choices.upto(30) + 1, choices.of((0, 0, 1, 2, 3)), choices.of((0, 0, 1, 2)))


@st.composite
def histories(draw, *, restarts=True):
    """Any history; its lists are short, so that it may still end well."""
    drawn = []
    for number in draw(st.lists(_NUMBERS, min_size=1, max_size=8)):
        drawn.append(_step(number, [step.id for step, _, _ in drawn]))
    steps, agents, nodes = (tuple(column) for column in zip(*drawn, strict=True))
    choices = _Choices(draw(_NUMBERS))
    mode = choices.of((Mode.FORERUN,) * 4 + (Mode.STREAMED, Mode.WAIT, Mode.ORACLE))
    hides = mode is not Mode.ORACLE and choices.once_in(2)
    known_first = len(steps) - (choices.upto(len(steps) - 1) if hides else 0)
    guesses = tuple(_guess(number, steps, agents, nodes) for number in draw(st.lists(_NUMBERS, max_size=2)))
    dying = draw(st.lists(_NUMBERS, max_size=2)) if choices.once_in(2) else ()
    return History(
        steps=steps,
        agents=agents,
        nodes=nodes,
        returned=tuple(step.id for step in steps if choices.once_in(2)) or (steps[-1].id,),
        list_step=choices.of(steps[:known_first]).id if known_first < len(steps) else None,
        known_first=known_first,
        mode=mode,
        interchange=choices.of((Interchange.EXACT, Interchange.EXACT, Interchange.INTERCHANGEABLE)),
        deadline_s=choices.of((None, None, 30.0, 4.0)),
        budget_usd=choices.of((None,) * 6 + (1.0, 0.04)),
        guesses=guesses,
        fickle=choices.once_in(4),
        replies=tuple(_reply(number, len(guesses)) for number in draw(_SHORT)),
        fates=tuple(_fate(number, _KINDS) for number in draw(_LONG)),
        act_fates=tuple(_fate(number, _LOST) for number in draw(_SHORT)),
        answers=tuple(_answer(number) for number in draw(_SHORT)),
        has_hook=not choices.once_in(3),
        promotions=tuple(_Choices(number).of((0.0, 0.5, 2.0, None)) for number in draw(_SHORT)),
        deaths=tuple(_death(number, node) for number, node in zip(dying, ("n1", "n3"), strict=False)),
        cancel_s=choices.seconds() if choices.once_in(8) else None,
        restarts=tuple(sorted(map(_restart, draw(_SHORT)), key=lambda one: one.after)) if restarts else (),
        cancels_arrive=choices.once_in(2),
        orphans_report=choices.once_in(2),
        late_s=choices.of((None, 0.05, 0.3)),
    )
