"""Messages of A2A as plain values, and outputs of tasks as artifacts and messages of A2A."""

import base64
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from a2a.types import Artifact, Message, Part, Role
from a2a.utils.errors import ContentTypeNotSupportedError, InvalidAgentResponseError, InvalidParamsError
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct, Value
from pydantic import JsonValue

from orchestrator.ingress.skills import Skill

MODES = ("text/plain", "application/json")
# The input that gets a whole message.
MESSAGE = "message"
_MESSAGE, _ARTIFACT = "message", "artifact"


def value_of(message: Message) -> dict[str, JsonValue]:
    """A message as agents and workflows get it.

    Returns:
        ``text`` (its texts, one a line), ``data`` (that of its only data part, a list of several, else None), ``files``
        (each with filename, media_type, and url or base64 ``raw``) and ``message_id``.
    """
    data: list[JsonValue] = [json_format.MessageToDict(part.data) for part in message.parts if part.HasField("data")]
    return {
        "text": "\n".join(part.text for part in message.parts if part.HasField("text")),
        "data": data if len(data) > 1 else next(iter(data), None),
        "files": list(_files(message.parts)),
        "message_id": message.message_id,
    }


def inputs_of(message: Message, skill: Skill) -> dict[str, JsonValue]:
    """The inputs of a skill in a message.

    An input called ``message`` gets all of it. Data of the message are inputs by name; a text is the only input, or the
    one called ``text``.

    Raises:
        InvalidParamsError: it holds no inputs of the skill; says which are needed.
    """
    value, names = value_of(message), skill.inputs
    data, text = value["data"], value["text"]
    given = dict(data) if isinstance(data, dict) else {}
    if MESSAGE in names:
        return {MESSAGE: value} | {name: given[name] for name in names if name in given}
    if text and not given:
        left = names if len(names) == 1 else tuple(name for name in names if name == "text")
        if left:
            return {left[0]: text}
    if given or not names:
        return given
    fix = "send them as a data part, an object with these keys"
    raise InvalidParamsError(message=f"the skill '{skill.name}' takes {', '.join(names)}; {fix}")


def check_media_types(message: Message, skill: Skill) -> None:
    """Return if a skill takes the parts of a message. One with an input called ``message`` takes files of any type.

    Raises:
        ContentTypeNotSupportedError: it does not.
    """
    if MESSAGE in skill.inputs:
        return
    for part in message.parts:
        if part.media_type and part.media_type not in MODES:
            told = f"the skill '{skill.name}' takes {' and '.join(MODES)}, and no {part.media_type}"
            raise ContentTypeNotSupportedError(message=told)


def named_skill(message: Message) -> str | None:
    """The skill that a message names in its metadata."""
    named = json_format.MessageToDict(message.metadata).get("skill")
    return named if isinstance(named, str) else None


def artifacts_of(outputs: Mapping[str, JsonValue]) -> list[Artifact]:
    """The outputs of a task as artifacts, in order.

    ``{"kind": "artifact", "parts": [...]}`` is an artifact with these parts of A2A, and a list of such objects is so
    many. Of other outputs, a text is a text part and anything else a data part.

    Raises:
        InvalidAgentResponseError: a part is none of A2A's.
    """
    return [artifact for name, value in outputs.items() for artifact in _artifacts(name, value)]


def message_of(outputs: Mapping[str, JsonValue], context_id: str) -> Message | None:
    """The message that answers a request instead of a task: the only output is ``{"kind": "message", "parts": [...]}``.

    Raises:
        InvalidAgentResponseError: a part is none of A2A's.
    """
    only = next(iter(outputs.values()), None) if len(outputs) == 1 else None
    if not _is_kind(only, _MESSAGE):
        return None
    return Message(message_id=uuid.uuid4().hex, context_id=context_id, role=Role.ROLE_AGENT, parts=_parts(only))


def said(text: str, message_id: str, context_id: str, task_id: str, role: Role = Role.ROLE_AGENT) -> Message:
    """A message of one text."""
    part = [Part(text=text)]
    return Message(message_id=message_id, context_id=context_id, task_id=task_id, role=role, parts=part)


def _artifacts(name: str, value: JsonValue) -> Iterator[Artifact]:
    many = value if isinstance(value, list) and value and all(_is_kind(each, _ARTIFACT) for each in value) else [value]
    for number, each in enumerate(many):
        artifact_id = f"{name}-{number}" if len(many) > 1 else name
        if not _is_kind(each, _ARTIFACT):
            part = Part(text=each) if isinstance(each, str) else Part(data=_json(each))
            yield Artifact(artifact_id=artifact_id, name=name, parts=[part])
        else:
            yield _told(artifact_id, name, each)


def _told(artifact_id: str, name: str, told: Any) -> Artifact:
    return Artifact(
        artifact_id=artifact_id,
        name=str(told.get("name", name)),
        description=str(told.get("description", "")),
        parts=_parts(told),
        metadata=json_format.ParseDict(told["metadata"], Struct()) if "metadata" in told else None,
    )


def _json(value: Any) -> Value:
    return json_format.ParseDict(value, Value())


def _is_kind(value: Any, kind: str) -> bool:
    return isinstance(value, dict) and value.get("kind") == kind and isinstance(value.get("parts"), list)


def _parts(value: Any) -> Sequence[Part]:
    try:
        return [json_format.ParseDict(part, Part()) for part in value["parts"]]
    except json_format.ParseError as error:
        raise InvalidAgentResponseError(message=f"an output has a part that A2A does not know: {error}") from error


def _files(parts: Sequence[Part]) -> Iterator[dict[str, JsonValue]]:
    for part in parts:
        if part.HasField("url"):
            yield {"filename": part.filename, "media_type": part.media_type, "url": part.url}
        elif part.HasField("raw"):
            raw = base64.b64encode(part.raw).decode()
            yield {"filename": part.filename, "media_type": part.media_type, "raw": raw}
