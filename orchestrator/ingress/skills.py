"""Skills: what others can ask of this service over A2A and MCP, and the task that each of them is.

A skill is a workflow of the catalog, a capability, or `goal`, which plans and runs a goal in words.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from orchestrator.settings import Settings
from planners.agents import AgentSpec, Catalog
from planners.definitions import NamedWorkflow
from planners.errors import InvalidTask
from planners.tasks import Task
from planners.validation import parse

GOAL = "goal"
_OPEN: Mapping[str, Any] = {"type": "object"}
_GOAL_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"goal": {"type": "string", "description": "What is to be done, in words"}},
    "required": ["goal"],
}


@dataclass(frozen=True)
class Skill:
    """One skill.

    Attributes:
        name: unique within the service.
        description: for people and models that choose among skills.
        input_schema: the JSON schema of its inputs, an object.
        step: the workflow's only step but for its id and inputs; None for `goal`.
    """

    name: str
    description: str
    input_schema: Mapping[str, Any]
    step: Mapping[str, str] | None = field(default=None)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of its inputs, as far as they are declared."""
        return tuple(self.input_schema.get("properties", {}))

    def task(self, inputs: Mapping[str, JsonValue], labels: Mapping[str, str]) -> Task:
        """The task that does it.

        Raises:
            InvalidTask, pydantic.ValidationError: inputs or labels are not those of a task.
        """
        document: dict[str, Any] = {"kind": self.name, "name": self.name, "labels": dict(labels)}
        if self.step is None:
            if not isinstance(goal := inputs.get("goal"), str):
                raise InvalidTask("a goal in words is needed", "inputs.goal", "send the goal as text")
            return parse(document | {"goal": goal, "inputs": {k: v for k, v in inputs.items() if k != "goal"}})
        given = {name: f"$inputs.{name}" for name in inputs}
        workflow = {"steps": [{"id": "run", **self.step, "inputs": given}], "outputs": {"output": "$steps.run"}}
        return parse(document | {"workflow": workflow, "inputs": dict(inputs)})


def skills(catalog: Catalog, settings: Settings) -> dict[str, Skill]:
    """All skills by name, as far as ``http.skills`` offers them: workflows first, then capabilities, then `goal`."""
    offered = settings.http.skills
    found: dict[str, Skill] = {}
    for skill in _all(catalog, settings):
        if offered is None or skill.name in offered:
            found.setdefault(skill.name, skill)
    return found


def default_skill(offered: Mapping[str, Skill], settings: Settings) -> Skill | None:
    """The skill of a request that names none: that of the settings, else `goal`, else the only one."""
    if settings.http.default_skill:
        return offered.get(settings.http.default_skill)
    return offered.get(GOAL) or (next(iter(offered.values())) if len(offered) == 1 else None)


def _all(catalog: Catalog, settings: Settings) -> Iterator[Skill]:
    for name, versions in catalog.workflows_by_name.items():
        yield Skill(name, versions[-1].description, _schema_of(versions[-1]), {"use": name})
    for capability, agents in catalog.by_capability.items():
        if not agents[0].built_in:
            schema = agents[0].input_schema or _OPEN
            yield Skill(capability, _described(agents), schema, {"capability": capability})
    if settings.llm.base_url is not None and settings.llm.model is not None:
        yield Skill(GOAL, "Plans a goal in words and runs the plan", _GOAL_SCHEMA)


def _schema_of(workflow: NamedWorkflow) -> Mapping[str, Any]:
    return {"type": "object", "properties": dict(workflow.inputs), "required": sorted(workflow.required)}


def _described(agents: tuple[AgentSpec, ...]) -> str:
    return next((agent.description for agent in agents if agent.description), "")
