"""What the runs of a shard share."""

from concurrent.futures import Executor as Threads
from dataclasses import dataclass, field

from reconciler.runtime.message_delays import MessageDelays
from reconciler.runtime.ports import Ports
from reconciler.runtime.reservations import Reservations
from reconciler.runtime.turns import Turns


@dataclass(frozen=True, slots=True)
class ShardResources:
    """What the runs of a shard share. All speculative planning happens in the one thread of ``planning_thread``."""

    ports: Ports
    reservations: Reservations
    planning_thread: Threads
    delays: MessageDelays = field(default_factory=MessageDelays)
    turns: Turns = field(default_factory=Turns)
