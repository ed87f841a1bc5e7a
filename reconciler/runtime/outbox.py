"""Holds back commands with effects outside the process until the events that caused them are durable.

A crash can then lose an effect whose intent was recorded, and recovery sees that. No effect exists without a record.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from reconciler.state import commands as c


def leaves_the_process(command: c.Command) -> bool:
    """Whether a command must wait for the disk: irreversible and disclosing dispatches, and promotions.

    All other commands can be repeated after a crash, so they do not wait.
    """
    match command:
        case c.Promote():
            return True
        case c.Dispatch():
            return command.waits_for_the_disk
        case _:
            return False


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    command: c.Command
    writes: tuple[Future[None], ...]


class Outbox:
    """Carries commands out in order, each once its writes are durable. Lives on one event loop."""

    def __init__(self, carry_out: Callable[[c.Command], None], failed: Callable[[BaseException], None]) -> None:
        """Set up.

        Args:
            carry_out: called with a command whose writes are durable.
            failed: called with the error of a write, or of carrying out a command.
        """
        self._carry_out = carry_out
        self._failed = failed
        self._held: deque[_Held] = deque()
        self._sending: asyncio.Task[None] | None = None

    def hold(self, command: c.Command, *writes: Future[None]) -> None:
        """Carry the command out once all writes are durable."""
        self._held.append(_Held(command, writes))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.get_running_loop().create_task(self._send())

    @property
    def held(self) -> list[c.Command]:
        """The commands that wait."""
        return [held.command for held in self._held]

    def drop(self) -> list[c.Command]:
        """Forget all held commands; returns them."""
        dropped = [held.command for held in self._held]
        self._held.clear()
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
        return dropped

    async def drained(self) -> None:
        """Wait until no command is held."""
        if self._sending is not None:
            await asyncio.wait([self._sending])

    async def _send(self) -> None:
        while self._held:
            held = self._held[0]
            # Waiting on a wrapper: cancelling this task must not cancel the write.
            writes = [asyncio.wrap_future(write) for write in held.writes]
            if writes:
                await asyncio.wait(writes)
            self._held.popleft()
            errors = [error for write in writes if (error := write.exception()) is not None]
            if errors:
                self._failed(errors[0])
                continue
            try:
                self._carry_out(held.command)
            except Exception as error:  # noqa: BLE001 -- nobody waits for this task, and the run must end
                self._failed(error)
