"""Who writes the runs of a shard: the process that claimed it last. All others are refused.

A process that was replaced may still run: Ray may not have noticed yet that it lives, or a machine was stopped for a
while. It knows nothing of what its successor has recorded, so every transaction of a writer checks that it is still the
owner.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from reconciler.errors import Superseded
from reconciler.journal.schema import SHARD_OWNERS

# Built once: every transaction of a writer executes it.
_EPOCH = select(SHARD_OWNERS.c.epoch).where(SHARD_OWNERS.c.shard == bindparam("of_shard")).with_for_update(read=True)


@dataclass(frozen=True)
class Ownership:
    """The claim of this process to write the runs of a shard. ``epoch`` counts the claims, so the highest is valid."""

    shard: int
    epoch: int

    def check(self, connection: Connection) -> None:
        """Return if this claim is the latest; until the transaction ends nobody else can claim the shard.

        With SQLite, call it after the first write of a transaction: then nobody else can write. PostgreSQL locks the
        row.

        Raises:
            Superseded: another process has claimed the shard.
        """
        if (epoch := _epoch(connection, self.shard)) != self.epoch:
            claims = f"claim {epoch}, this is {self.epoch}"
            raise Superseded(
                f"another process has taken over shard {self.shard} of the journal ({claims})",
                "journal.url",
                "stop one of the services that use this journal; nothing is lost",
            )


def claimed(engine: Engine, shard: int, shards: int | None = None) -> Ownership:
    """Claim a shard; durable when this returns. Read what is recorded of its runs afterwards, never before.

    ``shards``: how many there are now, if known. Of a service with more of them, the others may still run: their tasks
    fall to these shards, so nobody may record anything as one of them any more.
    """
    with engine.begin() as connection:
        table = SHARD_OWNERS
        if shards is not None:
            connection.execute(update(table).where(table.c.shard >= shards).values(epoch=table.c.epoch + 1))
        raised = connection.execute(update(table).where(table.c.shard == shard).values(epoch=table.c.epoch + 1))
        if raised.rowcount:
            return Ownership(shard, _epoch(connection, shard))
    try:
        with engine.begin() as connection:
            connection.execute(insert(SHARD_OWNERS).values(shard=shard, epoch=1))
    except IntegrityError:  # another process has inserted it meanwhile
        return claimed(engine, shard, shards)
    return Ownership(shard, 1)


def _epoch(connection: Connection, shard: int) -> int:
    return int(connection.execute(_EPOCH, {"of_shard": shard}).scalar_one())
