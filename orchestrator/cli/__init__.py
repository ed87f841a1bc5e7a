"""The command line `forerun`.

Here: commands, their output and exit codes. Not here: requests (`client`) and what `forerun up` starts (`service`).
"""


def main() -> None:
    """Run the command line; exit codes are in `orchestrator.cli.exit_codes`."""
    # Imported late: most users of this package need only its name.
    from orchestrator.cli.app import app  # noqa: PLC0415 (see above)

    app()
