"""A real HTTP server on loopback that records requests and answers as a test says."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], Any]


@dataclass
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpCounterpart:
    """``answers``: path without query -> (status, headers, body), or a list of them, the last of which repeats.

    A body of None stalls until the client leaves.
    """

    url: str = ""
    answers: dict[str, Answer | list[Answer]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    stalled: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)

    def answer(self, path: str) -> Answer:
        prepared = self.answers.get(path, (404, {}, {"no": "such"}))
        if isinstance(prepared, tuple):
            return prepared
        return prepared.pop(0) if len(prepared) > 1 else prepared[0]


@contextmanager
def http_counterpart() -> Iterator[HttpCounterpart]:
    counterpart = HttpCounterpart()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            counterpart.seen.append(Seen(self.command, self.path, dict(self.headers), body))
            status, headers, answer = counterpart.answer(self.path.partition("?")[0])
            if answer is None:
                counterpart.stalled.set()
                self.rfile.read(1)  # end-of-file: the client has closed the connection
                counterpart.left.set()
                self.close_connection = True
                return
            raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(raw)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(raw)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - names of the base class

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        counterpart.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield counterpart
        finally:
            server.shutdown()
            thread.join()
