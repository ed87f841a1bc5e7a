"""Plans and catalogs in the form that the plan predictor learns from."""

from learner.predictor import PlanExample, ToolText
from planners.agents import AgentSpec, Catalog
from planners.plans import Plan


def plan_example(goal: str, plan: Plan, kind: str = "") -> PlanExample:
    """The example that the predictor learns from: the goal of a task of a kind, and the optimal plan it got."""
    index = {planned.id: number for number, planned in enumerate(plan.steps)}
    edges = [
        (index[parent], number)
        for number, planned in enumerate(plan.steps)
        for parent in planned.step.parents
        if parent in index
    ]
    return PlanExample(goal, tuple(planned.step.capability for planned in plan.steps), tuple(edges), kind)


def tool_texts(catalog: Catalog) -> list[ToolText]:
    """The catalog's capabilities as text; of several agents with the same capability, the first one's."""
    return [_tool_text(capability, agents[0]) for capability, agents in catalog.by_capability.items()]


def _tool_text(capability: str, agent: AgentSpec) -> ToolText:
    def names(schema: dict[str, object] | None) -> tuple[str, ...]:
        properties = (schema or {}).get("properties")
        return tuple(properties) if isinstance(properties, dict) else ()

    return ToolText(capability, agent.description, names(agent.input_schema), names(agent.output_schema))
