"""Virtual time for tests."""

from orchestrator.local.virtual_loop import VirtualLoop, in_virtual_time

__all__ = ["VirtualLoop", "in_virtual_time"]
