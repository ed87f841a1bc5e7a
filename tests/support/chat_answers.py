"""What a server that speaks the OpenAI chat protocol answers in tests."""

import json
from typing import Any

CHAT = "/v1/chat/completions"


def said(text: str, **message: Any) -> tuple[int, dict[str, str], Any]:
    whole = {"role": "assistant", "content": text, **message}
    choice = {"index": 0, "message": whole, "finish_reason": "tool_calls" if message else "stop"}
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    known = {"id": "c1", "object": "chat.completion", "created": 1, "model": "small"}
    return 200, {}, {**known, "choices": [choice], "usage": usage}


def called(*calls: tuple[str, dict[str, Any]]) -> tuple[int, dict[str, str], Any]:
    """The model asks for calls of tools, all at once."""
    listed = [
        {"id": f"call-{number}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for number, (name, arguments) in enumerate(calls)
    ]
    return said("", tool_calls=listed)
