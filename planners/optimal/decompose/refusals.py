"""What a failure of the LLM's provider means: what it said, and what to do."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError

from planners.errors import DecomposeFailed
from planners.optimal.decompose.config import LLMConfig

AGAIN = "try again, or allow planning.fallback"
_REFUSED = "check llm.model, llm.output and llm.extra: the provider does not take this request"
_FIXES = {
    401: "check the API key",
    403: "check what the API key may do",
    404: "check llm.base_url and llm.model",
    429: "the provider limits the rate; wait, or raise the limit",
    # It may answer differently later.
    408: AGAIN,
    409: AGAIN,
    425: AGAIN,
}


def refusal(error: Exception, config: LLMConfig, *, begun: bool = False) -> DecomposeFailed:
    """The error of a provider that refused, failed or was not reached. Nothing in it holds the key.

    ``begun``: a part of the answer has come.
    """
    if isinstance(error, ModelHTTPError):
        status = error.status_code
        said = f"the LLM {config.model} answered with HTTP {status}: {_message(error.body)}"
        fix = _FIXES.get(status, _REFUSED if 400 <= status < 500 else AGAIN)
    elif isinstance(error, ModelAPIError):
        what = "broke off its answer at" if begun else "cannot be reached at"
        said = f"the LLM {config.model} {what} {_without_user(config.base_url)}: {_with_cause(error)}"
        fix = AGAIN if begun else "check llm.base_url, and that the server runs; or allow planning.fallback"
    else:
        said, fix = f"the LLM {config.model} failed: {type(error).__name__}: {error}", AGAIN
    return DecomposeFailed(config.scrubbed(said), "goal", fix)


def _message(body: Any) -> str:
    """What the provider says, without the JSON around it."""
    inner = body.get("error", body) if isinstance(body, Mapping) else body
    message = inner.get("message") if isinstance(inner, Mapping) else None
    return str(message or inner or "nothing else")


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _with_cause(error: BaseException) -> str:
    """The message, and that of the first cause: the library's own is only that there is no connection."""
    last = error
    while last.__cause__ is not None:
        last = last.__cause__
    return ": ".join(dict.fromkeys(part for part in (str(error).rstrip("."), str(last)) if part))
