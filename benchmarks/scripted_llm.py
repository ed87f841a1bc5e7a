"""A scripted LLM: a stand-in for a language model that streams prepared plans at a stated speed.

It serves the OpenAI chat completions protocol on 127.0.0.1, streamed and whole, with a JSON schema, a JSON object or a
forced tool call. It has no model: it searches the user's message for a prepared goal and sends the prepared answer,
``ttft_s`` seconds after the request and then ``tokens_per_s`` tokens a second (a token is about four characters). Every
measurement depends on these two figures, so report them with the result.

For tests, it can also fail in stated ways.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

_CHARACTERS_PER_TOKEN = 4
_MODEL = "scripted-llm"


class Fault(StrEnum):
    """A way in which an answer fails."""

    MALFORMED = "malformed"
    UNKNOWN_CAPABILITY = "unknown_capability"
    CYCLE = "cycle"
    STALL = "stall"
    HTTP_429 = "http_429"
    HTTP_500 = "http_500"
    UNAUTHORIZED = "unauthorized"
    DISCONNECT = "disconnect"


@dataclass
class ScriptedLLM:
    """A context manager that serves at `base_url` while it is entered.

    Args:
        answers: steps (as an LLM writes them: id, capability, inputs in shorthand, after) by goal text.
        ttft_s: seconds from request to the first token.
        tokens_per_s: speed from there on; 0 for no delay.
        faults: the faults of the first, second, ... answer; later answers have none.
        faults_after: the number of complete steps sent before a STALL or DISCONNECT.
        holds: if given, every step but the first waits for one release, so a test controls the stream.
        port: the port to listen on; 0 for a free one.
        objects: whole answers, as JSON objects, by a text of the user's message; they come before ``answers``.

    ``bodies`` holds the body of every request, ``sent`` the number of steps sent over all answers.
    """

    answers: Mapping[str, Sequence[Mapping[str, Any]]]
    ttft_s: float = 0.0
    tokens_per_s: float = 0.0
    faults: Sequence[Fault | None] = ()
    faults_after: int = 1
    holds: threading.Semaphore | None = None
    port: int = 0
    objects: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    bodies: list[bytes] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    sent: int = 0
    hung_up: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        handler = type("_Bound", (_Handler,), {"script": self})
        self._server = _Server(("127.0.0.1", self.port), handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="scripted-llm")
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def base_url(self) -> str:
        """The base URL for an OpenAI client."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def model(self) -> str:
        """The name of the model."""
        return _MODEL

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The bodies as JSON. That is not kept: the garbage collector would look at thousands of objects a request."""
        return [json.loads(body) for body in self.bodies]

    def speed(self) -> str:
        """The stated speed, to be reported with every measurement."""
        rate = f"{self.tokens_per_s:g} tokens/s" if self.tokens_per_s else "unlimited speed"
        return f"scripted LLM (a stand-in): first token after {self.ttft_s:g} s, {rate}"

    def fault(self) -> Fault | None:
        """The fault of the answer to the latest request."""
        turn = len(self.bodies) - 1
        return self.faults[turn] if turn < len(self.faults) else None

    def steps(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The prepared steps for a request, without those that a repair request keeps.

        Raises:
            LookupError: the request contains no prepared goal.
        """
        said = [str(turn.get("content") or "") for turn in body["messages"] if turn.get("role") == "user"]
        # The longest goal first, because one goal may be part of another.
        for goal in sorted(self.answers, key=len, reverse=True):
            if goal in said[0]:
                standing = _standing(said[-1]) if len(said) > 1 else set()
                return [dict(step) for step in self.answers[goal] if step["id"] not in standing]
        raise LookupError("the scripted LLM has no prepared answer for this goal")


def _standing(said: str) -> set[str]:
    """Ids of the steps that a repair request keeps: one JSON object a line."""
    lines = (line for line in said.splitlines() if line.startswith("{"))
    return {str(json.loads(line).get("id")) for line in lines}


def answer_s(steps: Sequence[Mapping[str, Any]], ttft_s: float, tokens_per_s: float) -> float:
    """The seconds to stream a plan of these steps at this speed."""
    return ttft_s + sum(sum(1 for _ in _pieces(text)) for text in _texts(steps, None)) / tokens_per_s


class _Disconnected(Exception):
    """Cut the connection here."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect early."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    script: ScriptedLLM
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        self.script.bodies.append(raw)
        body = json.loads(raw)
        self.script.keys.append(self.headers.get("Authorization", "").removeprefix("Bearer "))
        fault = self.script.fault()
        if fault in (Fault.HTTP_429, Fault.HTTP_500, Fault.UNAUTHORIZED):
            # Some providers repeat the API key in their error message; so does this server.
            status = {Fault.HTTP_429: 429, Fault.HTTP_500: 500, Fault.UNAUTHORIZED: 401}[fault]
            self._whole({"error": {"message": f"refused, key {self.script.keys[-1]}", "type": fault}}, status)
            return
        said = str(body["messages"][-1].get("content"))
        prepared = next((found for text, found in self.script.objects.items() if text in said), None)
        if prepared is not None:
            choice = _whole_choice(body, json.dumps(prepared))
            self._whole({**_frame(), "object": "chat.completion", "choices": [choice]}, 200)
            return
        try:
            steps = _spoilt(self.script.steps(body), fault)
        except LookupError as error:
            self._whole({"error": {"message": str(error), "type": "invalid_request_error"}}, 400)
            return
        if self.script.stopping.wait(self.script.ttft_s):
            self.close_connection = True
        elif body.get("stream"):
            self._stream(steps, fault, tool=bool(body.get("tools")))
        else:
            text = "".join(_texts(steps, fault))
            self._whole({**_frame(), "object": "chat.completion", "choices": [_whole_choice(body, text)]}, 200)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name http.server gives it
        """Log nothing."""

    def _stream(self, steps: list[dict[str, Any]], fault: Fault | None, *, tool: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        due_s = time.monotonic()
        try:
            if tool:
                self._event(_delta(tool_calls=[_call(name="plan", arguments="")]))
            for number, text in enumerate(_texts(steps, fault)):
                self._hold(number, len(steps), fault)
                for piece in _pieces(text):
                    due_s = self._paced(due_s)
                    self._event(_delta(tool_calls=[_call(arguments=piece)]) if tool else _delta(content=piece))
                self.script.sent += 0 < number <= len(steps)
            self._event({**_frame(), "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            self._chunk("data: [DONE]\n\n")
            self._chunk("")
        except (_Disconnected, BrokenPipeError, ConnectionResetError) as end:
            self.close_connection = True
            if not isinstance(end, _Disconnected):
                self.script.hung_up.set()

    def _hold(self, number: int, steps: int, fault: Fault | None) -> None:
        """Wait before the text of a step, or fail there. Text 0 opens the list, the last text closes it."""
        if self.script.holds is not None and 1 < number <= steps:
            while not self.script.holds.acquire(timeout=0.02):
                if self.script.stopping.is_set():
                    raise _Disconnected
                self._chunk(": waiting\n\n")
        if number == self.script.faults_after + 1:
            if fault is Fault.DISCONNECT:
                raise _Disconnected
            if fault is Fault.STALL:
                self.script.stopping.wait()
                raise _Disconnected

    def _event(self, event: Mapping[str, Any]) -> None:
        self._chunk(f"data: {json.dumps(event)}\n\n")

    def _chunk(self, text: str) -> None:
        raw = text.encode()
        self.wfile.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")
        self.wfile.flush()

    def _whole(self, body: Mapping[str, Any], status: int) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _paced(self, due_s: float) -> float:
        """Wait until a token is due; return when the next one is due. Keeps the stated speed over the whole answer."""
        if self.script.tokens_per_s <= 0:
            return due_s
        now_s = time.monotonic()
        if due_s > now_s and self.script.stopping.wait(due_s - now_s):
            raise _Disconnected
        return max(due_s, now_s - 0.1) + 1 / self.script.tokens_per_s


def _texts(steps: Sequence[Mapping[str, Any]], fault: Fault | None) -> Iterator[str]:
    """The parts of the answer: opening, steps, end."""
    yield '{"steps": ['
    for number, step in enumerate(steps):
        text = json.dumps(step, ensure_ascii=False)
        if fault is Fault.MALFORMED and number == len(steps) - 1:
            text = text.replace(":", " is ", 1)
        yield text + (", " if number < len(steps) - 1 else "")
    yield "]}"


def _spoilt(steps: list[dict[str, Any]], fault: Fault | None) -> list[dict[str, Any]]:
    """The steps with the fault in the last one; those before it are correct."""
    last = steps[-1] if steps else {}
    if fault is Fault.UNKNOWN_CAPABILITY:
        steps[-1] = {**last, "capability": "read_minds"}
    if fault is Fault.CYCLE:
        twin = f"{last['id']}_again"
        steps[-1] = {**last, "after": [twin]}
        steps.append({**last, "id": twin, "after": [last["id"]]})
    return steps


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), _CHARACTERS_PER_TOKEN):
        yield text[start : start + _CHARACTERS_PER_TOKEN]


def _frame() -> dict[str, Any]:
    return {"id": "scripted", "object": "chat.completion.chunk", "created": int(time.time()), "model": _MODEL}


def _delta(**delta: Any) -> dict[str, Any]:
    return {**_frame(), "choices": [{"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": None}]}


def _call(arguments: str, name: str | None = None) -> dict[str, Any]:
    call: dict[str, Any] = {"index": 0, "function": {"arguments": arguments}}
    if name is not None:
        call |= {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return call


def _whole_choice(body: Mapping[str, Any], text: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if body.get("tools"):
        message = {"role": "assistant", "content": None, "tool_calls": [_call(text, name="plan")]}
    return {"index": 0, "message": message, "finish_reason": "stop"}
