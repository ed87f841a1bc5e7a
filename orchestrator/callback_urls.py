"""Signed addresses of callbacks: whoever has one may answer one step of one task until it expires, without an API key.

The signature is an HMAC-SHA256 of task, step and expiry.
"""

import hashlib
import hmac
import time
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from pydantic import Field

from orchestrator.errors import Forbidden
from orchestrator.settings import Settings
from planners.model import Model, StepId, TaskId, canonical_json

_RENEW = "ask for a new one: POST /v1/tasks/{id}/callbacks/{step}, or forerun callback TASK STEP"


class CallbackAddress(Model):
    """Where an outside system answers one callback."""

    url: str = Field(description="`POST` the output here, as JSON")
    heartbeat_url: str = Field(description="`POST` here while the work goes on, if the callback has `heartbeat_s`")
    expires_at_s: float = Field(description="Until when both are valid, seconds since the epoch")


@dataclass(frozen=True, slots=True)
class CallbackUrls:
    """Makes and checks signed addresses. ``base``: the URL of the service; ``ttl_s``: how long they are valid."""

    base: str
    key: bytes
    ttl_s: float

    def of(self, task: TaskId, step: StepId, ttl_s: float | None = None) -> CallbackAddress:
        """The addresses of a step, valid from now on."""
        expires = int(time.time() + (self.ttl_s if ttl_s is None else ttl_s))
        signed = urlencode({"expires": expires, "signature": self._signature(task, step, str(expires))})
        path = f"{quote(task, safe='')}/{quote(step, safe='/')}?{signed}"
        base = self.base.rstrip("/")
        return CallbackAddress(
            url=f"{base}/v1/callbacks/{path}", heartbeat_url=f"{base}/v1/heartbeats/{path}", expires_at_s=expires
        )

    def check(self, task: TaskId, step: StepId, expires: str, signature: str) -> None:
        """Return if an address is one of these, and still valid.

        Raises:
            Forbidden: it is not.
        """
        if not hmac.compare_digest(self._signature(task, step, expires).encode(), signature.encode()):
            raise Forbidden("the signature of this address is wrong", "query.signature", "send the address unchanged")
        if float(expires) < time.time():
            moment = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(float(expires)))
            raise Forbidden(f"this address has expired at {moment}", "query.expires", _RENEW)

    def _signature(self, task: TaskId, step: StepId, expires: str) -> str:
        return hmac.new(self.key, canonical_json([task, step, expires]).encode(), hashlib.sha256).hexdigest()


def callback_urls(settings: Settings) -> CallbackUrls | None:
    """The signed addresses of a service; None without a key."""
    key = settings.callbacks.key
    if key is None:
        return None
    return CallbackUrls(
        settings.http.public_url or settings.http.url, key.get_secret_value().encode(), settings.callbacks.ttl_s
    )
