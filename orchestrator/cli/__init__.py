"""The command line `forerun`.

Here: commands, their output and exit codes. Not here: requests (`client`) and what `forerun up` starts (`service`).
"""

import sys

from orchestrator.imports import without_collections

_INTERRUPTED = 130  # `ExitCode.INTERRUPTED`, which is not imported yet


def main() -> None:
    """Run the command line; exit codes are in `orchestrator.cli.exit_codes`."""
    try:
        # Imported late: most users of this package need only its name.
        with without_collections():
            from orchestrator.cli.app import app  # noqa: PLC0415 (see above)
    except KeyboardInterrupt:  # imports take a second, or several on a busy machine
        sys.exit(_INTERRUPTED)
    app()
