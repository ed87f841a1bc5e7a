"""The agent card: what the service offers over A2A, and how to ask for it."""

from collections.abc import Mapping
from importlib.metadata import version

from a2a.types import (
    AgentCapabilities,
    AgentCard,
    AgentInterface,
    AgentSkill,
    HTTPAuthSecurityScheme,
    SecurityRequirement,
    SecurityScheme,
    StringList,
)

from orchestrator.ingress.a2a.messages import MESSAGE, MODES
from orchestrator.ingress.skills import Skill

PATH = "/a2a/v1"
PROTOCOL = "1.0"
_ABOUT = "Runs multi-agent workflows. Name a skill in the metadata of a message: {'skill': NAME}."


def agent_card(base_url: str, offered: Mapping[str, Skill], *, keys: bool, shown: bool) -> AgentCard:
    """The card.

    Args:
        base_url: where clients reach the service.
        offered: its skills.
        keys: whether requests need an API key.
        shown: whether whoever asks may see the skills. Those who show a key see them on the extended card.
    """
    url = base_url.rstrip("/") + PATH
    card = AgentCard(
        name="Forerun",
        description=_ABOUT,
        version=version("forerun"),
        supported_interfaces=[
            AgentInterface(url=url, protocol_binding=binding, protocol_version=PROTOCOL)
            for binding in ("JSONRPC", "HTTP+JSON")
        ],
        capabilities=AgentCapabilities(streaming=True, push_notifications=False, extended_agent_card=keys),
        default_input_modes=MODES,
        default_output_modes=MODES,
        skills=[_skill(skill) for skill in offered.values()] if shown else [],
    )
    if keys:
        scheme = HTTPAuthSecurityScheme(scheme="bearer", description="An API key: forerun keys create NAME")
        card.security_schemes["key"].CopyFrom(SecurityScheme(http_auth_security_scheme=scheme))
        card.security_requirements.append(SecurityRequirement(schemes={"key": StringList()}))
    return card


def _skill(skill: Skill) -> AgentSkill:
    takes = f" Takes {', '.join(skill.inputs)}." if skill.inputs else ""
    kind = "goal" if skill.step is None else "workflow" if "use" in skill.step else "capability"
    return AgentSkill(
        id=skill.name,
        name=skill.name,
        description=(skill.description or skill.name) + takes,
        tags=[kind],
        input_modes=["*/*"] if MESSAGE in skill.inputs else MODES,
    )
