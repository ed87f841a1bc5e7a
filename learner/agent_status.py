"""What is learned about each agent, for people."""

from learner.online.acceptance import AcceptanceCounts
from learner.online.duration_windows import DurationWindows
from learner.status import AgentStatus, Checked

_MOST_KINDS = 8
_MOST_AGENTS = 500


def agents_status(durations: DurationWindows, accepted: AcceptanceCounts) -> dict[str, AgentStatus]:
    """Agent name -> status, of the agents with the most outcomes."""
    observed, checked = durations.observed(), accepted.rates().by_agent()
    found: dict[str, AgentStatus] = {}
    names = sorted(observed.keys() | checked.keys())
    names.sort(key=lambda name: observed[name].outcomes if name in observed else 0, reverse=True)
    for name in sorted(names[:_MOST_AGENTS]):
        kinds = {kind: _checked(*counts) for kind, counts in checked.get(name, {}).items()}
        overall, seen = kinds.pop("", Checked(outputs=0.0)), observed.get(name)
        most = sorted(kinds.items(), key=lambda item: (-item[1].outputs, item[0]))[:_MOST_KINDS]
        found[name] = AgentStatus(
            outcomes=0 if seen is None else seen.outcomes,
            p50_s=None if seen is None else seen.p50_s,
            p90_s=None if seen is None else seen.p90_s,
            checked=overall,
            kinds=dict(most),
        )
    return found


def _checked(outputs: float, accepted: float) -> Checked:
    return Checked(outputs=round(outputs, 3), accepted=round(accepted / outputs, 4) if outputs > 0 else None)
