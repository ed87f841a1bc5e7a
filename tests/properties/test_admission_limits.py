"""Admission over random arrivals, confirmations, flushes and ends: confirmed first, no capacity unused or exceeded.

After every step the admitted attempts are compared with those of a reference model that keeps one plain list.
"""

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from virtual_loop import in_virtual_time

from actors.admission.limits import AdmissionLimits
from planners.agents import AgentSpec, Catalog, Provider

AGENTS = {
    "a": AgentSpec(name="a", capability="x", provider="p", concurrency=1),
    "b": AgentSpec(name="b", capability="x", provider="p"),
}
PLACES = 2

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("come"), st.sampled_from("ab"), st.booleans()),
        st.tuples(st.sampled_from(["confirm", "flush", "end"]), st.integers(0, 30)),
    ),
    max_size=40,
)


@dataclass
class Model:
    """Attempts that wait (in order of arrival within their class) and attempts that were admitted, by the rules."""

    waiting: dict[str, tuple[str, bool]] = field(default_factory=dict)
    inside: dict[str, str] = field(default_factory=dict)

    def fill(self) -> None:
        """Admit the first attempt that fits, confirmed ones first, until none fits."""
        while True:
            order = sorted(self.waiting, key=lambda name: self.waiting[name][1])  # stable: arrival within a class
            may = [name for name in order if self._has_room(self.waiting[name][0], speculative=self.waiting[name][1])]
            if not may:
                return
            self.inside[may[0]] = self.waiting.pop(may[0])[0]

    def _has_room(self, agent: str, *, speculative: bool) -> bool:
        """A guess must leave capacity for the first confirmed attempt of each agent."""
        taken = list(self.inside.values())
        if speculative:
            taken += {other for other, guessed in self.waiting.values() if not guessed}
        return len(taken) < PLACES and (agent != "a" or "a" not in taken)


@given(STEPS)
def test_admitted_attempts_are_those_of_the_reference_model(steps):
    in_virtual_time(_compare(steps))


async def _compare(steps) -> None:
    limits = AdmissionLimits(
        Catalog(agents=tuple(AGENTS.values()), providers=(Provider(name="p", max_concurrent=PLACES),))
    )
    model, tasks, inside = Model(), {}, {}

    async def stay(name: str, agent: str, *, speculative: bool) -> None:
        async with limits.admission(AGENTS[agent], name, speculative=speculative):
            inside[name] = agent
            try:
                await asyncio.Event().wait()
            finally:
                del inside[name]

    for number, (what, *arguments) in enumerate(steps):
        names = list(tasks)
        if what == "come":
            agent, speculative = arguments
            name = f"{number}"
            tasks[name] = asyncio.get_running_loop().create_task(stay(name, agent, speculative=speculative))
            model.waiting[name] = agent, speculative
        elif names:
            name = names[arguments[0] % len(names)]
            if what == "confirm":
                limits.confirm(name)
                if model.waiting.get(name, ("", False))[1]:
                    model.waiting[name] = model.waiting.pop(name)[0], False
            else:
                tasks.pop(name).cancel()
                model.waiting.pop(name, None)
                model.inside.pop(name, None)
        for _ in range(6):
            await asyncio.sleep(0)
        model.fill()
        assert inside == model.inside
        assert limits._present.keys() == model.waiting.keys() | model.inside.keys()
    for task in tasks.values():
        task.cancel()


@given(
    st.lists(st.tuples(st.floats(0, 5), st.booleans(), st.sampled_from([0, 100, 700, 2500])), min_size=1, max_size=25),
    st.floats(1, 20),
)
def test_rates_hold_and_no_guess_is_admitted_while_a_confirmed_attempt_waits(arrivals, requests_per_s):
    entered = in_virtual_time(_paced(sorted(arrivals), requests_per_s))

    assert len(entered) == len(arrivals)
    moments = [at_s for at_s, *_ in entered]
    assert all(later - earlier >= 1 / requests_per_s - 1e-3 for earlier, later in pairwise(moments))
    for at_s, _, speculative, _ in entered:
        if speculative:
            assert not [other for other in entered if not other[2] and other[1] < at_s < other[0]]
    tokens = 0.0
    for at_s, _, _, amount in entered:
        assert amount == 0 or tokens + min(amount, 1000) <= 1000 * (at_s + 1) + 1
        tokens += amount


async def _paced(arrivals, requests_per_s) -> list[tuple[float, float, bool, float]]:
    agents = {
        tokens: AgentSpec(name=f"a{tokens}", capability="x", provider="p", tokens_per_call=tokens)
        for tokens in (0, 100, 700, 2500)
    }
    provider = Provider(name="p", requests_per_s=requests_per_s, tokens_per_s=1000)
    limits = AdmissionLimits(Catalog(agents=tuple(agents.values()), providers=(provider,)))
    clock = asyncio.get_running_loop().time
    entered = []

    async def call(number: int, arrival) -> None:
        comes_s, speculative, tokens = arrival
        await asyncio.sleep(comes_s)
        came_s = clock()
        async with limits.admission(agents[tokens], f"{number}", speculative=speculative):
            entered.append((clock(), came_s, speculative, tokens))

    await asyncio.gather(*(call(number, arrival) for number, arrival in enumerate(arrivals)))
    return entered
