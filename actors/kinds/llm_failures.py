"""What the errors of a conversation with a model mean for the attempt."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pydantic_ai.exceptions import (
    AgentRunError,
    ModelAPIError,
    ModelHTTPError,
    UnexpectedModelBehavior,
    UsageLimitExceeded,
    UserError,
)

from actors.errors import ActorsError, BadOutput, ProviderBusy
from actors.kinds.llm_settings import LLMFailed, LLMRefused
from actors.kinds.retry_after import retry_after_s

# The provider may answer differently later; any other status from 400 to 499 is final.
_LATER = frozenset({408, 409, 425, 429})
FIXES = {
    401: "check the API key",
    403: "check what the API key may do",
    404: "check the model's name and settings.base_url",
    429: "the provider limits the rate; declare its limits in the catalog's providers, or raise them",
}


@contextmanager
def failures_of(model: str, masked: Callable[[str], str]) -> Iterator[None]:
    """Raise errors of Forerun in place of those of the library.

    Args:
        model: its name, for messages.
        masked: replaces secrets: a provider may echo the key.

    Raises:
        BadOutput: no answer matched the schema.
        LLMRefused, LLMFailed, ProviderBusy: the provider refused, failed or was not reached.
    """
    try:
        yield
    except ModelHTTPError as error:
        raise _refusal(model, error, masked) from None
    except UsageLimitExceeded as error:
        fix = "raise settings.max_requests, or give the model less to do"
        raise LLMFailed(masked(str(error)), "settings.max_requests", fix) from None
    except UnexpectedModelBehavior as error:
        fix = "make the prompt clearer or the schema simpler, raise settings.max_repairs, or use another model"
        raise BadOutput(masked(f"the model '{model}': {whole_message(error)}"), "output", fix) from None
    except UserError as error:
        raise LLMRefused(masked(str(error)), "target", "correct target and settings") from None
    except (ModelAPIError, AgentRunError) as error:
        message = masked(f"the model '{model}' cannot be reached: {whole_message(error)}")
        raise LLMFailed(message, "settings.base_url", "check the address, and that the provider is up") from None


def _refusal(model: str, error: ModelHTTPError, masked: Callable[[str], str]) -> ActorsError:
    status = error.status_code
    message = masked(f"the model '{model}' answered {status}: {error.body}")
    fix = FIXES.get(status, "see the provider's documentation of this answer")
    wait_s = retry_after_s((getattr(error, "headers", None) or {}).get("retry-after"))
    if wait_s is not None and status in (*_LATER, 503):
        return ProviderBusy.until(message, "settings", wait_s)
    final = 400 <= status < 500 and status not in _LATER
    return LLMRefused(message, "settings", fix) if final else LLMFailed(message, "settings", fix)


def whole_message(error: BaseException) -> str:
    """The messages of an error and of what caused it."""
    parts, seen = [str(error)], error
    while (cause := seen.__cause__ or seen.__context__) is not None and len(parts) < 4:
        parts.append(str(cause))
        seen = cause
    return ": ".join(dict.fromkeys(part for part in parts if part))
