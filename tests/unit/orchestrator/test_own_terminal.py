"""The terminal of `forerun up` shows what the command prints; what libraries write to it is logged."""

import json
import subprocess
import sys

SCRIPT = """
import os, sys
from pathlib import Path
from orchestrator.cli.output import console, print_json
from orchestrator.cli.terminal import own_terminal
from orchestrator.service_log import ServiceLog

with own_terminal() as stderr:
    ServiceLog(Path(sys.argv[1]), "json").install("up", stderr)
    console.print("ready")
    print_json({"url": "x"})
    print("noise of Python")
    os.write(2, b"noise of C\\n")
    subprocess = __import__("subprocess").run(["echo", "noise of a program"], check=True)
    import logging
    logging.getLogger("orchestrator.service").warning("a warning of ours")
    logging.getLogger("some.library").warning("a warning of a library")
console.print("the end")
print("after", file=sys.stderr)
"""


def test_only_what_the_command_prints_reaches_the_terminal(tmp_path):
    log = tmp_path / "service.log"

    done = subprocess.run([sys.executable, "-c", SCRIPT, log], check=True, capture_output=True, text=True)  # noqa: S603

    assert done.stdout == 'ready\n{\n  "url": "x"\n}\nthe end\n'
    first, last = done.stderr.splitlines()
    assert "a warning of ours" in first
    assert last == "after"
    logged = {(line["logger"], line["message"]) for line in map(json.loads, log.read_text().splitlines())}
    assert logged == {
        ("orchestrator.stdout", "noise of Python"),
        ("orchestrator.stderr", "noise of C"),
        ("orchestrator.stdout", "noise of a program"),
        ("orchestrator.service", "a warning of ours"),
        ("some.library", "a warning of a library"),
    }
