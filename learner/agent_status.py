"""What is learned about each agent, for people."""

from collections.abc import Mapping

from learner.online.acceptance import AcceptanceCounts
from learner.online.duration_windows import DurationWindows
from learner.status import AgentStatus, Checked

_MOST_KINDS = 8
_MOST_AGENTS = 500


def agents_status(durations: DurationWindows, accepted: AcceptanceCounts) -> dict[str, AgentStatus]:
    """Agent name -> status, of the agents with the most outcomes."""
    rates = accepted.rates()
    observed, checked, judged = durations.observed(), rates.by_agent(), rates.by_agent(judged=True)
    found: dict[str, AgentStatus] = {}
    names = sorted(observed.keys() | checked.keys() | judged.keys())
    names.sort(key=lambda name: observed[name].outcomes if name in observed else 0, reverse=True)
    for name in sorted(names[:_MOST_AGENTS]):
        seen = observed.get(name)
        of_all, kinds = _by_kind(checked.get(name, {}))
        judged_of_all, judged_kinds = _by_kind(judged.get(name, {}))
        found[name] = AgentStatus(
            outcomes=0 if seen is None else seen.outcomes,
            p50_s=None if seen is None else seen.p50_s,
            p90_s=None if seen is None else seen.p90_s,
            checked=of_all,
            kinds=kinds,
            judged=judged_of_all,
            judged_kinds=judged_kinds,
        )
    return found


def _by_kind(counts: Mapping[str, tuple[float, float]]) -> tuple[Checked, dict[str, Checked]]:
    """The outputs of all kinds of input, and those of the most frequent kinds."""
    kinds = {kind: _checked(*of) for kind, of in counts.items()}
    overall = kinds.pop("", Checked(outputs=0.0))
    return overall, dict(sorted(kinds.items(), key=lambda item: (-item[1].outputs, item[0]))[:_MOST_KINDS])


def _checked(outputs: float, accepted: float) -> Checked:
    return Checked(outputs=round(outputs, 3), accepted=round(accepted / outputs, 4) if outputs > 0 else None)
