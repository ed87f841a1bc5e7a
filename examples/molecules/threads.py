"""Limit an agent to one thread, so that it uses the one CPU that the catalog declares (``cpus: 1``)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit OpenMP and BLAS to one thread. The fixed order of sums also makes results repeatable to the last digit.

    The environment variables affect libraries that are not loaded yet, threadpoolctl those that are: a reused worker
    process may have loaded NumPy before.
    """
    os.environ.update(dict.fromkeys(_VARIABLES, "1"))
    # Imported here because it looks for loaded libraries, and the variables must be set first. It has no types.
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415

    with threadpool_limits(limits=1):
        yield
