"""An agent whose module can be imported by the service and not by a worker, which sees none of Forerun's variables."""

import os

if "FORERUN_DATA_DIR" not in os.environ:
    raise RuntimeError("this machine has no licence")  # import


def unreachable() -> None:
    """Never runs."""
