"""The figures that compare runs of a task in modes wait, forerun and oracle."""

from dataclasses import dataclass

from pydantic import JsonValue

from forerun import Mode, Plan, PlansView, TaskView, Timeline

# On a busy machine two runs of the same plan differ by about this share; smaller differences are noise.
NOISE = 0.02


@dataclass(frozen=True)
class Run:
    """One run and its views. ``http_s`` is from submission to the answer, as seen by the HTTP client."""

    mode: Mode
    view: TaskView
    plans: PlansView
    timeline: Timeline
    http_s: float

    @property
    def seconds(self) -> float:
        """Seconds from admission to the end."""
        return self.view.ended_s or self.http_s


@dataclass(frozen=True)
class Agreement:
    """How many steps of two plans are the same work by the same agent, and how many of them have identical outputs."""

    identical: int
    compared: int

    def __str__(self) -> str:
        return f"{self.identical} of {self.compared}"


@dataclass(frozen=True)
class Figures:
    """The figures of one act. Seconds count from admission; shares and similarity are 0..1; None: not applicable.

    ``planning_s`` is the duration of optimal planning in mode wait, where nothing else runs, and ``planning_share`` its
    share of that run. ``share_of_attainable`` = (T_wait - T_spec) / (T_wait - T_oracle), None if the denominator is
    within the noise. ``waste`` is the agent-seconds of flushed attempts over all agent-seconds of the forerun run.
    """

    planning_s: float | None
    planning_share: float | None
    t_wait_s: float
    t_spec_s: float
    t_oracle_s: float
    first_dispatch_ms: float | None
    share_of_attainable: float | None
    waste: float
    similarity: float | None
    results_identical: int
    results_compared: int


@dataclass(frozen=True)
class Act:
    """One task in three modes. The report shows ``caveat`` before the figures and ``notes`` after them."""

    title: str
    about: str
    wait: Run
    forerun: Run
    oracle: Run
    agreement: Agreement
    caveat: str = ""
    notes: tuple[str, ...] = ()

    @property
    def runs(self) -> tuple[Run, Run, Run]:
        """The runs in the order of the report."""
        return (self.wait, self.forerun, self.oracle)


def figures(act: Act) -> Figures:
    """Compute the figures of an act."""
    planning_s = act.wait.view.optimal_plan_s
    view = act.forerun.view
    return Figures(
        planning_s=planning_s,
        planning_share=None if planning_s is None else planning_s / act.wait.seconds,
        t_wait_s=act.wait.seconds,
        t_spec_s=act.forerun.seconds,
        t_oracle_s=act.oracle.seconds,
        first_dispatch_ms=None if view.first_dispatch_s is None else 1000 * view.first_dispatch_s,
        share_of_attainable=share_of_attainable(act.wait.seconds, act.forerun.seconds, act.oracle.seconds),
        waste=view.wasted_s / view.agent_s if view.agent_s else 0.0,
        similarity=act.forerun.plans.similarity,
        results_identical=act.agreement.identical,
        results_compared=act.agreement.compared,
    )


def share_of_attainable(t_wait_s: float, t_spec_s: float, t_oracle_s: float) -> float | None:
    """(T_wait - T_spec) / (T_wait - T_oracle); None if the denominator is within the noise of T_wait."""
    attainable_s = t_wait_s - t_oracle_s
    return (t_wait_s - t_spec_s) / attainable_s if attainable_s > NOISE * t_wait_s else None


def same_work(left: Plan | None, right: Plan | None) -> dict[str, str]:
    """Step of the left plan -> step of the right plan with the same work key."""
    if left is None or right is None:
        return {}
    there = {planned.work_key: planned.id for planned in right.steps}
    return {planned.id: there[planned.work_key] for planned in left.steps if planned.work_key in there}


def agreement(pairs: list[tuple[JsonValue, JsonValue]]) -> Agreement:
    """Compare pairs of outputs exactly, to the last digit."""
    return Agreement(sum(left == right for left, right in pairs), len(pairs))
