"""A checkpointer of LangGraph on SQLite or PostgreSQL (extra ``langgraph``)."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Self

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    PendingWrite,
    get_checkpoint_id,
    get_checkpoint_metadata,
    writes_sort_key,
)
from sqlalchemy import ColumnElement, Select, Table, and_, delete, select
from sqlalchemy.engine import Connection, RowMapping

from actors.checkpoints.tables import CHECKPOINTS, TABLES, VALUES, WRITES, open_tables, store

Place = tuple[str, str]  # thread and namespace
_Writes = list[PendingWrite]


class SqlCheckpoints(BaseCheckpointSaver[int]):
    """Keeps the checkpoints of graphs, so that interrupts and crashed runs can be resumed anywhere.

    Async methods work in threads. Pruning keeps what channels of differences still need.
    """

    def __init__(self, url: str) -> None:
        """Connect; ``url`` is one of SQLAlchemy, such as that of the journal."""
        super().__init__()
        self._engine = open_tables(url)

    def close(self) -> None:
        """Disconnect."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- writing

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint and the values of the channels that have changed."""
        thread, namespace = _place(config)
        values = checkpoint["channel_values"]
        bare = {**checkpoint, "channel_values": {}}
        told = get_checkpoint_metadata(config, metadata)
        (kind, data), (metadata_kind, metadata_data) = self.serde.dumps_typed(bare), self.serde.dumps_typed(told)
        row = {
            "thread": thread,
            "namespace": namespace,
            "id": checkpoint["id"],
            "parent": get_checkpoint_id(config),
            "run": told.get("run_id"),
            "kind": kind,
            "data": data,
            "metadata_kind": metadata_kind,
            "metadata": metadata_data,
        }
        stored = []
        for channel, version in new_versions.items():
            typed = self.serde.dumps_typed(values[channel]) if channel in values else ("", b"")
            known = {"thread": thread, "namespace": namespace, "channel": channel, "version": str(version)}
            stored.append({**known, "kind": typed[0], "data": typed[1]})
        with self._engine.begin() as connection:
            store(connection, VALUES, stored)
            store(connection, CHECKPOINTS, [row])
        return _config(thread, namespace, checkpoint["id"])

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task has written after a checkpoint. What it has written there before is kept."""
        thread, namespace = _place(config)
        known = {"thread": thread, "namespace": namespace, "checkpoint": config["configurable"]["checkpoint_id"]}
        with self._engine.begin() as connection:
            for index, (channel, value) in enumerate(writes):
                position = WRITES_IDX_MAP.get(channel, index)
                kind, data = self.serde.dumps_typed(value)
                about = {"task": task_id, "position": position, "task_path": task_path, "channel": channel}
                store(connection, WRITES, [{**known, **about, "kind": kind, "data": data}], replace=position < 0)

    def delete_thread(self, thread_id: str) -> None:
        """Delete everything of a thread."""
        with self._engine.begin() as connection:
            for table in TABLES:
                connection.execute(delete(table).where(table.c.thread == thread_id))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete the checkpoints of runs, with what was written after them."""
        with self._engine.begin() as connection:
            rows = connection.execute(select(CHECKPOINTS).where(CHECKPOINTS.c.run.in_(run_ids))).mappings().all()
            self._delete(connection, rows)

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy all checkpoints, values and writes of a thread to another."""
        with self._engine.begin() as connection:
            for table in TABLES:
                rows = connection.execute(select(table).where(table.c.thread == source_thread_id)).mappings().all()
                store(connection, table, [{**row, "thread": target_thread_id} for row in rows])

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Delete the checkpoints of threads; ``keep_latest`` leaves the last one of each namespace."""
        for thread in thread_ids:
            if strategy == "delete":
                self.delete_thread(thread)
                continue
            with self._engine.begin() as connection:
                query = select(CHECKPOINTS).where(CHECKPOINTS.c.thread == thread).order_by(CHECKPOINTS.c.id)
                rows = connection.execute(query).mappings().all()
                latest = {row["namespace"]: row for row in rows}
                kept = {key for row in latest.values() for key in self._needed(connection, row, rows)}
                self._delete(connection, [row for row in rows if (row["namespace"], row["id"]) not in kept])

    def _needed(self, connection: Connection, row: RowMapping, rows: Sequence[RowMapping]) -> set[Place]:
        """The checkpoint, and those before it from which its channels of differences are rebuilt."""
        by_id = {other["id"]: other for other in rows if other["namespace"] == row["namespace"]}
        told = self.serde.loads_typed((row["metadata_kind"], row["metadata"]))
        open_channels = set(told.get("counters_since_delta_snapshot", ()))
        kept, current = {(row["namespace"], row["id"])}, by_id.get(row["parent"])
        while current is not None and open_channels:
            kept.add((current["namespace"], current["id"]))
            open_channels -= self._checkpoint(connection, current)["channel_values"].keys()
            current = by_id.get(current["parent"])
        return kept

    @staticmethod
    def _delete(connection: Connection, rows: Sequence[RowMapping]) -> None:
        for row in rows:
            at = (row["thread"], row["namespace"])
            connection.execute(delete(WRITES).where(_at(WRITES, at), WRITES.c.checkpoint == row["id"]))
            connection.execute(delete(CHECKPOINTS).where(_at(CHECKPOINTS, at), CHECKPOINTS.c.id == row["id"]))

    # ---- reading

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that a config names, or the latest of its thread."""
        query = select(CHECKPOINTS).where(_at(CHECKPOINTS, _place(config)))
        if (named := get_checkpoint_id(config)) is not None:
            query = query.where(CHECKPOINTS.c.id == named)
        with self._engine.connect() as connection:
            row = connection.execute(query.order_by(CHECKPOINTS.c.id.desc()).limit(1)).mappings().first()
            return None if row is None else self._tuple(connection, row)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the base class names it so
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Checkpoints, newest first; ``filter`` compares their metadata."""
        left = limit
        with self._engine.connect() as connection:
            for row in connection.execute(_listing(config, before)).mappings().all():
                if left is not None and left <= 0:
                    return
                told = self.serde.loads_typed((row["metadata_kind"], row["metadata"]))
                if all(told.get(key) == value for key, value in (filter or {}).items()):
                    left = None if left is None else left - 1
                    yield self._tuple(connection, row)

    def _tuple(self, connection: Connection, row: RowMapping) -> CheckpointTuple:
        thread, namespace, parent = row["thread"], row["namespace"], row["parent"]
        return CheckpointTuple(
            config=_config(thread, namespace, row["id"]),
            checkpoint=self._checkpoint(connection, row),
            metadata=self.serde.loads_typed((row["metadata_kind"], row["metadata"])),
            parent_config=_config(thread, namespace, parent) if parent else None,
            pending_writes=self._writes(connection, row),
        )

    def _checkpoint(self, connection: Connection, row: RowMapping) -> Checkpoint:
        bare: Checkpoint = self.serde.loads_typed((row["kind"], row["data"]))
        versions = {channel: str(version) for channel, version in bare["channel_versions"].items()}
        query = select(VALUES).where(_at(VALUES, (row["thread"], row["namespace"])), VALUES.c.kind != "")
        found = connection.execute(query.where(VALUES.c.version.in_(set(versions.values())))).mappings()
        bare["channel_values"] = {
            value["channel"]: self.serde.loads_typed((value["kind"], value["data"]))
            for value in found
            if versions.get(value["channel"]) == value["version"]
        }
        return bare

    def _writes(self, connection: Connection, row: RowMapping) -> _Writes:
        at = _at(WRITES, (row["thread"], row["namespace"]))
        rows = connection.execute(select(WRITES).where(at, WRITES.c.checkpoint == row["id"])).mappings().all()
        in_order = sorted(rows, key=lambda write: writes_sort_key(write["task_path"], write["task"], write["position"]))
        return [
            (write["task"], write["channel"], self.serde.loads_typed((write["kind"], write["data"])))
            for write in in_order
        ]

    # ---- the same without blocking the event loop

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """See `put`."""
        return await asyncio.to_thread(self.put, config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """See `put_writes`."""
        await asyncio.to_thread(self.put_writes, config, writes, task_id, task_path)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """See `get_tuple`."""
        return await asyncio.to_thread(self.get_tuple, config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the base class names it so
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """See `list`."""
        for found in await asyncio.to_thread(lambda: [*self.list(config, filter=filter, before=before, limit=limit)]):
            yield found

    async def adelete_thread(self, thread_id: str) -> None:
        """See `delete_thread`."""
        await asyncio.to_thread(self.delete_thread, thread_id)

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """See `delete_for_runs`."""
        await asyncio.to_thread(self.delete_for_runs, run_ids)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """See `copy_thread`."""
        await asyncio.to_thread(self.copy_thread, source_thread_id, target_thread_id)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """See `prune`."""
        await asyncio.to_thread(lambda: self.prune(thread_ids, strategy=strategy))


def _place(config: RunnableConfig) -> Place:
    named = config["configurable"]
    return str(named["thread_id"]), named.get("checkpoint_ns", "")


def _config(thread: str, namespace: str, checkpoint: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": namespace, "checkpoint_id": checkpoint}}


def _at(table: Table, place: Place) -> ColumnElement[bool]:
    return and_(table.c.thread == place[0], table.c.namespace == place[1])


def _listing(config: RunnableConfig | None, before: RunnableConfig | None) -> Select[Any]:
    query = select(CHECKPOINTS).order_by(CHECKPOINTS.c.id.desc())
    if config is not None:
        named = config["configurable"]
        query = query.where(CHECKPOINTS.c.thread == str(named["thread_id"]))
        if (namespace := named.get("checkpoint_ns")) is not None:
            query = query.where(CHECKPOINTS.c.namespace == namespace)
        if (checkpoint := get_checkpoint_id(config)) is not None:
            query = query.where(CHECKPOINTS.c.id == checkpoint)
    if before is not None and (first := get_checkpoint_id(before)) is not None:
        query = query.where(CHECKPOINTS.c.id < first)
    return query
