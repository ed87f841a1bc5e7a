"""The workload as tasks of Forerun, and how a peer runs them whatever way they are submitted."""

from abc import ABC, abstractmethod
from typing import Any

from benchmarks.peers.workload import STEPS, check, end_of_chain, with_open_tasks
from planners.agents import AgentKind, AgentSpec, Catalog
from planners.resources import Resources

# Longer than any cell of the benchmark may take.
WAIT_S = 600.0


def catalog() -> Catalog:
    """The bodies of the steps as agents."""
    expected_s = {"pass_on": 0.001, "nap": 1.0}
    return Catalog(
        agents=tuple(
            AgentSpec(
                name=name,
                capability=name,
                kind=AgentKind.ASYNC,
                target=f"benchmarks.peers.workload:{name}",
                resources=Resources(),
                expected_s=seconds,
            )
            for name, seconds in expected_s.items()
        )
    )


def chain(number: int, length: int = STEPS) -> dict[str, Any]:
    """A chain of trivial steps."""
    values = [number, *(f"$steps.s{index}" for index in range(length - 1))]
    steps = [
        {"id": f"s{index}", "capability": "pass_on", "inputs": {"value": value}} for index, value in enumerate(values)
    ]
    return {"kind": "chain", "workflow": {"steps": steps}}


def fan(width: int, capability: str) -> dict[str, Any]:
    """So many steps side by side."""
    each = {
        "id": "each",
        "for_each": "$inputs.numbers",
        "steps": [{"id": "step", "capability": capability, "inputs": {"value": "$item"}}],
    }
    return {"kind": f"fan of {capability}", "inputs": {"numbers": list(range(width))}, "workflow": {"steps": [each]}}


class ForerunPeer(ABC):
    """Fulfils `Peer`; subclasses say how a task is submitted."""

    @abstractmethod
    async def _outputs(self, task: dict[str, Any]) -> Any:
        """Run a task to its end: its outputs."""

    async def chains(self, numbers: range) -> None:
        """See `Peer`."""
        outputs = await with_open_tasks(lambda number: self._outputs(chain(number)), numbers)
        check(outputs, [{f"s{STEPS - 1}": end_of_chain(number)} for number in numbers])

    async def fan(self, width: int) -> None:
        """See `Peer`."""
        check(await self._outputs(fan(width, "pass_on")), {"each": [{"before": number} for number in range(width)]})

    async def naps(self, width: int) -> None:
        """See `Peer`."""
        check(await self._outputs(fan(width, "nap")), {"each": list(range(width))})
