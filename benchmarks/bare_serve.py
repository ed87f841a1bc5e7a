"""The least that Ray Serve does: `python -m benchmarks.bare_serve PORT`. Prints its URL once it is deployed.

Ray has the options that Forerun gives it, so that both start the same processes.
"""

import json
import logging
import os
import sys
import threading

import ray
from ray import serve
from starlette.requests import Request


@serve.deployment
class Hello:
    """Answers any request with its path."""

    async def __call__(self, request: Request) -> str:
        """The path."""
        return request.url.path


def main(port: int) -> None:
    """Serve until the process is ended."""
    os.environ.setdefault("RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S", "60")
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.WARNING)
    serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": port})
    serve.run(Hello.bind(), route_prefix="/")  # type: ignore[attr-defined] # Serve's decorator is untyped
    print(json.dumps({"url": f"http://127.0.0.1:{port}"}), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]))
