"""Past optimal plans: by the exact shape of a goal (the plan cache), by likeness of its words, and as habits.

Bounded, in memory, JSON in and out. Readers and the writer share one thread (a shard's event loop).
"""

import re
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping

from pydantic import Field, JsonValue, ValidationError

from planners.agents import Catalog
from planners.bindings import follow, input_refs
from planners.eligibility import Eligibility
from planners.errors import PlanningError
from planners.model import AgentName, StepId, Versioned, canonical_json, digest
from planners.plans import Plan, PlanKind
from planners.speculative.cached_plan import CachedPlan, CacheHit, mask_steps, source_of, written
from planners.speculative.choice_statistics import ChoiceCounts, ChoiceStatistics
from planners.speculative.template import SlotKind, Template, literals, template_of, tidy
from planners.tasks import Task
from planners.text.tfidf import TfidfIndex
from planners.workflow import Goal, Step

_COPY = re.compile(r"(\[\d+\])+$")
_Key = tuple[str, str]
# Where a template is looked for: kind, names of inputs, first word (empty: it begins with a slot).
_Bucket = tuple[str, tuple[str, ...], str]


class PlanCacheSnapshot(Versioned):
    """All a memory knows, the longest unused first."""

    remembered: tuple[CachedPlan, ...] = ()
    agents: dict[str, ChoiceCounts] = Field(default_factory=dict)
    sources: dict[str, ChoiceCounts] = Field(default_factory=dict)


class PlanCache:
    """At most ``size`` shapes of goals, and habits for eight times as many choices."""

    def __init__(self, size: int = 2000, snapshot: PlanCacheSnapshot | None = None) -> None:
        snapshot = snapshot or PlanCacheSnapshot()
        self._size = size
        self._entries: OrderedDict[_Key, CachedPlan] = OrderedDict()
        self._buckets: defaultdict[_Bucket, dict[_Key, None]] = defaultdict(dict)
        self._index: TfidfIndex[_Key] = TfidfIndex()
        self._agents = ChoiceStatistics(8 * size, snapshot.agents)
        self._sources = ChoiceStatistics(8 * size, snapshot.sources)
        for entry in snapshot.remembered:
            self._keep(entry)

    def __len__(self) -> int:
        return len(self._entries)

    def remember(self, task: Task, plan: Plan) -> None:
        """Take in the optimal plan a task got. Prefixes, guesses and fallbacks teach nothing."""
        if plan.kind is not PlanKind.OPTIMAL or not plan.complete or plan.origin.startswith("fallback"):
            return
        if not plan.steps:
            return
        self._observe_agents(task, plan)
        if (text := goal_of(task)) is None:
            return
        entry = _entry(task, text, [planned.step for planned in plan.steps], plan)
        self._observe_sources(entry)
        before = self._match(task, text)
        if before is not None and before[0].template.texts == entry.template.texts:
            entry = before[0].followed_by(entry)
        self._keep(entry)

    def exact(self, task: Task) -> CacheHit | None:
        """The plan of a goal of the same shape, with this goal's values."""
        text = goal_of(task)
        found = self._match(task, text) if text is not None else None
        if text is None or found is None:
            return None
        entry, values = found
        trust = {step.id: entry.trusted(step.id) for step in entry.steps}
        return CacheHit(
            steps=entry.steps_for(values, task.goal or text), outputs=entry.outputs, probability=trust, exact=True
        )

    def nearest(self, task: Task) -> CacheHit | None:
        """The plan of the goal that reads most alike, values filled in as far as they can be told.

        A step is believed with the square of the likeness times its trust: at half the words in common one in four.
        """
        text = goal_of(task)
        if text is None or not (found := self._index.nearest(text)):
            return None
        key, likeness = found[0]
        entry = self._entries[key]
        steps = entry.steps_for(_guessed_values(entry.template, text), task.goal or text)
        likeness = min(1.0, likeness)
        trust = {step.id: likeness**2 * entry.trusted(step.id) for step in entry.steps}
        return CacheHit(steps=steps, outputs=entry.outputs, probability=trust, exact=False, likeness=likeness)

    def agents(self, task: Task) -> Callable[[Step], list[tuple[AgentName, float]]]:
        """Step -> the agents the optimal planner took for it in tasks like this one, with shares, likeliest first."""
        keys = _agent_keys(task)

        def of(step: Step) -> list[tuple[AgentName, float]]:
            tallies = (self._agents.of(key) for key in keys(step))
            tally = next((tally for tally in tallies if tally is not None), ChoiceCounts())
            return [(AgentName(name), share) for name, share in tally.ranked()]

        return of

    def knows_agents(self, task: Task) -> bool:
        """Whether this very workflow was planned before, whatever the inputs: its plan-cache hit."""
        return task.workflow is not None and self._agents.of(_shape_key(task)) is not None

    def sources(self, capability: str, name: str) -> list[tuple[str, float]]:
        """Where an input of a capability came from in past plans, with shares; keys as `source_of` writes them."""
        tally = self._sources.of(canonical_json([capability, name]))
        return tally.ranked() if tally is not None else []

    def snapshot(self) -> PlanCacheSnapshot:
        """All of it, to be stored."""
        return PlanCacheSnapshot(
            remembered=tuple(self._entries.values()), agents=self._agents.dump(), sources=self._sources.dump()
        )

    @classmethod
    def restored(cls, stored: str | bytes, size: int = 2000) -> "PlanCache":
        """The memory whose snapshot's JSON was stored.

        Raises:
            PlanningError: the text is no snapshot of a release that is understood.
        """
        try:
            return cls(size, PlanCacheSnapshot.model_validate_json(stored))
        except ValidationError as error:
            raise PlanningError(f"the plan memory cannot be read: {error.error_count()} errors", "memory") from None

    def _match(self, task: Task, text: str) -> tuple[CachedPlan, tuple[str, ...]] | None:
        """The most telling template that fits, and the values it finds."""
        best: tuple[CachedPlan, tuple[str, ...]] | None = None
        names = tuple(sorted(task.inputs))
        for first in dict.fromkeys((text.partition(" ")[0], "")):
            for key in self._buckets.get((task.kind, names, first), ()):
                entry = self._entries[key]
                if best is not None and entry.template.fixed <= best[0].template.fixed:
                    continue
                if (values := entry.template.match(text)) is not None:
                    best = entry, values
        return best

    def _keep(self, entry: CachedPlan) -> None:
        key = entry.kind, canonical_json([entry.template.texts, entry.input_names])
        self._entries[key] = entry
        self._entries.move_to_end(key)
        self._buckets[_bucket(entry)][key] = None
        # The key holds the template, so an entry that is there already has the same text.
        if key not in self._index:
            self._index.add(key, " ".join(entry.template.texts))
        while len(self._entries) > self._size:
            old, forgotten = self._entries.popitem(last=False)
            bucket = self._buckets[_bucket(forgotten)]
            del bucket[old]
            if not bucket:
                del self._buckets[_bucket(forgotten)]
            self._index.drop(old)

    def _observe_agents(self, task: Task, plan: Plan) -> None:
        """One plan is one observation of a habit, however many copies of a step it holds."""
        taken: defaultdict[str, Counter[str]] = defaultdict(Counter)
        keys = _agent_keys(task)
        for planned in plan.steps:
            for key in keys(planned.step):
                taken[key][planned.placement.agent] += 1
        if task.workflow is not None:
            taken[_shape_key(task)]["planned"] = 1
        for key, counts in taken.items():
            self._agents.observe(key, {name: count / counts.total() for name, count in counts.items()})

    def _observe_sources(self, entry: CachedPlan) -> None:
        by_id = {step.id: step for step in entry.steps}
        for step in entry.steps:
            for name, binding in step.inputs.items():
                if (source := source_of(binding, by_id)) is not None:
                    self._sources.observe(canonical_json([step.capability, name]), {source: 1.0})


def _bucket(entry: CachedPlan) -> _Bucket:
    first, _, more = entry.template.texts[0].partition(" ")
    whole = bool(more) or not entry.template.slots or entry.template.texts[0].endswith(" ")
    return entry.kind, entry.input_names, first if whole else ""


def goal_of(task: Task) -> str | None:
    """The text a task's plan is remembered by: its goal, or the workflow it declares if goals stand in that."""
    if task.goal is not None:
        return tidy(task.goal)
    assert task.workflow is not None, "a task has a goal or a workflow"
    if any(isinstance(node, Goal) for node in task.workflow.walk()):
        return _shape_key(task)
    return None


def still_offered(steps: tuple[Step, ...], catalog: Catalog, inputs: Mapping[str, JsonValue]) -> Iterator[Step]:
    """The steps that can be done today: some agent offers the capability, the task has the parts of its inputs that
    they read (its lists may be shorter than those of the task before), and so for all that they depend on.
    """
    there: set[StepId] = set()
    for step in steps:
        offered = Eligibility().agents(step, catalog)
        if offered and there.issuperset(step.parents) and _can_read(step, inputs):
            there.add(step.id)
            yield step


def _can_read(step: Step, inputs: Mapping[str, JsonValue]) -> bool:
    try:
        for binding in step.inputs.values():
            for ref in input_refs(binding):
                follow(inputs[ref.input], ref.path)
    except LookupError:
        return False
    return True


def _entry(task: Task, text: str, steps: list[Step], plan: Plan) -> CachedPlan:
    template, values = Template(texts=(text,)), tuple[str, ...]()
    if task.goal is not None:
        known = {value for value in task.inputs.values() if isinstance(value, str)}
        template, values = template_of(text, {*written(steps), *known})
    return CachedPlan(
        kind=task.kind,
        template=template,
        goal=text,
        input_names=tuple(sorted(task.inputs)),
        steps=mask_steps(steps, task.inputs, values, text),
        outputs=plan.outputs,
    )


def _guessed_values(template: Template, text: str) -> list[str | None]:
    """For each slot the next value of its kind in a goal of another shape; None: there is none."""
    there: defaultdict[SlotKind, list[str]] = defaultdict(list)
    for literal in reversed(literals(text)):
        there[literal.kind].append(literal.text)
    return [there[slot.kind].pop() if there[slot.kind] else None for slot in template.slots]


def _shape_key(task: Task) -> str:
    workflow = task.workflow.model_dump(mode="json") if task.workflow is not None else task.kind
    return digest("workflow", canonical_json(workflow))


def _agent_keys(task: Task) -> Callable[[Step], list[str]]:
    """From the particular to the general: this step of this workflow, this capability in tasks of this kind and aim."""
    aim = canonical_json(task.objective.model_dump(mode="json"))
    shape = _shape_key(task) if task.workflow is not None else None

    def of(step: Step) -> list[str]:
        general = digest("capability", task.kind, aim, step.capability)
        return [general] if shape is None else [digest("step", shape, aim, _COPY.sub("", step.id)), general]

    return of
