"""Lets a process of the service plan large workflows with machine code."""

from orchestrator.settings import Settings
from planners.scheduling.kernel.compilation import LOADER


def allow_compiled_kernel(settings: Settings) -> None:
    """Load the kernel once it is wanted, from a folder in the data directory; nothing without the extra ``fast``."""
    if settings.planning.compiled:
        LOADER.allow(settings.data_dir.absolute() / "kernel")
