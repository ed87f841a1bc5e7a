"""`python -m orchestrator.cli` is `forerun`."""

from orchestrator.cli import main

main()
