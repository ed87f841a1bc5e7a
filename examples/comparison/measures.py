"""What one looks at when the same task was run waiting, speculating, and with the plan known beforehand."""

from dataclasses import dataclass

from pydantic import JsonValue

from forerun import Mode, Plan, PlansView, TaskView, Timeline

# Two runs of the same plan differ by about this share on a busy machine; less than that cannot be told apart.
NOISE = 0.02


@dataclass(frozen=True)
class Run:
    """One run, as its own views tell it. ``http_s`` is from submission to the answer, as the HTTP client saw it."""

    mode: Mode
    view: TaskView
    plans: PlansView
    timeline: Timeline
    http_s: float

    @property
    def seconds(self) -> float:
        """From admission to the end."""
        return self.view.ended_s or self.http_s


@dataclass(frozen=True)
class Agreement:
    """How many steps two plans gave to the same agent on the same work, and in how many the outputs are identical."""

    identical: int
    compared: int

    def __str__(self) -> str:
        return f"{self.identical} of {self.compared}"


@dataclass(frozen=True)
class Figures:
    """The row of the table. Seconds from admission; shares and similarity 0..1; None: there is nothing to tell.

    ``planning_s`` is how long the optimal plan took where nothing else ran (mode wait), ``planning_share`` its part of
    that run. ``share_of_attainable`` = (T_wait - T_spec) / (T_wait - T_oracle), None where what is attainable drowns in
    the noise of a run. ``waste`` is agent-seconds of flushed attempts over all agent-seconds of the speculating run.
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
    """One task in the three modes. ``caveat`` is what a reader must know before the figures, ``notes`` after them."""

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
        """In the order in which they are told."""
        return (self.wait, self.forerun, self.oracle)


def figures(act: Act) -> Figures:
    """The act in numbers."""
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
    """(T_wait - T_spec) / (T_wait - T_oracle); None where the denominator is within the noise of T_wait."""
    attainable_s = t_wait_s - t_oracle_s
    return (t_wait_s - t_spec_s) / attainable_s if attainable_s > NOISE * t_wait_s else None


def same_work(left: Plan | None, right: Plan | None) -> dict[str, str]:
    """Step of the left plan -> step of the right that is the same work (agent and inputs included)."""
    if left is None or right is None:
        return {}
    there = {planned.work_key: planned.id for planned in right.steps}
    return {planned.id: there[planned.work_key] for planned in left.steps if planned.work_key in there}


def agreement(pairs: list[tuple[JsonValue, JsonValue]]) -> Agreement:
    """Of pairs of outputs; numbers agree to the last digit or not at all."""
    return Agreement(sum(left == right for left, right in pairs), len(pairs))
