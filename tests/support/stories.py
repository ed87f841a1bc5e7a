"""Histories as short stories, one line for each event and command, for people who look into a broken law."""

from reconciler.runtime.recovery import Recovery
from reconciler.state import commands as c
from reconciler.state import events as e
from reconciler.state.handoff import Failure, Handoff


def summary(history):
    """The plan without faults, in one line."""
    steps = [
        f"{step.id}={step.capability}({', '.join(step.parents)}) by {agent} on {node}"
        for step, agent, node in zip(history.steps, history.agents, history.nodes, strict=True)
    ]
    later = "" if history.list_step is None else f"; the rest from {history.known_first} on follows {history.list_step}"
    return f"{history.mode}, {history.interchange}: {'; '.join(steps)}{later}; returns {', '.join(history.returned)}"


def line(news):
    """One event, command or recovery, in one line."""
    match news:
        case Recovery():
            return "--- the service is killed and starts again ---"
        case e.SpeculativePlanReady() | e.OptimalPlanReady():
            placed = " ".join(f"{one.id}:{one.placement.agent}@{one.placement.node}" for one in news.plan.steps)
            whole = "" if news.plan.complete else "(prefix) "
            return f"<- {news.event} {whole}epoch {news.epoch}: {placed}"
        case c.Dispatch():
            kind = "guess" if news.speculative else "dispatch"
            return f"   -> {kind} {news.attempt}: {news.step} by {news.agent} on {news.node}"
        case c.Learn():
            return f"   -> learn {news.outcome.attempt} {news.outcome.verdict}"
    arrow = "<-" if hasattr(news, "event") else "   ->"
    name = news.event if hasattr(news, "event") else news.command
    fields = {
        key: value
        for key, value in news
        if key not in ("v", "at_s", "event", "command") and value not in ((), {}, None)
    }
    return f"{arrow} {name} " + " ".join(f"{key}={_short(value)}" for key, value in fields.items())


def _short(value):
    match value:
        case Failure():
            return f"{value.kind}{'' if value.counts else ', uncounted'}{', never began' if value.never_began else ''}"
        case Handoff():
            return "large" if value.by_reference else "inline"
    return str(value)
