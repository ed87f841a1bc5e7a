"""One thread for one agent: what the catalog promises the planner (``cpus: 1``) must be true."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold OpenMP and BLAS to one thread. Sums in a fixed order are also what makes results repeat to the last digit.

    The variables speak to libraries that this process has yet to load, threadpoolctl to those already loaded: a reused
    worker may have met NumPy before it meets us.
    """
    os.environ.update(dict.fromkeys(_VARIABLES, "1"))
    # Inside, because it looks for libraries and the variables go first. It comes without types.
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415

    with threadpool_limits(limits=1):
        yield
