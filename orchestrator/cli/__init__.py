"""The command `forerun`."""


def main() -> None:
    """Run the command line; exit codes are in `orchestrator.cli.exit_codes`."""
    # Imported late, so that what only wants the package's name does not pay for all of it.
    from orchestrator.cli.app import app  # noqa: PLC0415 (see above)

    app()
