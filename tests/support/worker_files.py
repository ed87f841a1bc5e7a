"""Which test files stay on one worker of pytest-xdist: each file, and together those that share a service."""

from pathlib import PurePath

from xdist.scheduler import LoadFileScheduling

# They use the service of tests/e2e/conftest.py, whose start takes as long as hundreds of tests.
_ONE_SERVICE = frozenset(
    {
        "test_a_task_over_http.py",
        "test_how_it_ends.py",
        "test_lost_processes_of_ray.py",
        "test_planted_secrets.py",
        "test_served_to_others.py",
        "test_the_page.py",
    }
)


class WorkerFiles(LoadFileScheduling):
    """As ``--dist loadfile``, with one scope for the files that share a service."""

    def _split_scope(self, nodeid: str) -> str:
        file = PurePath(super()._split_scope(nodeid))
        return str(file.parent) if file.parent.name == "e2e" and file.name in _ONE_SERVICE else str(file)
