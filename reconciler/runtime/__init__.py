"""Runs tasks: the event loop around each run, its planning sessions, its recovery, and the shard that holds all runs.

Here: asyncio, clocks, the protocols a run needs (`ports`), and the Ray actor. Not here: policy (`reconciler.state`),
storage (`reconciler.journal`), what is shown of a run (`reconciler.views`).
"""
