"""What the command line says of a key that is wrong and of a journal that is away: what, where, and what to do."""

import httpx
import pytest
from typer.testing import CliRunner

import orchestrator.cli.tasks
from orchestrator.cli.app import app as cli
from orchestrator.client import patience
from orchestrator.client.client import Client
from orchestrator.gateway.memory import MemoryGateway
from orchestrator.ingress.app import build
from orchestrator.ingress.context import IngressContext
from orchestrator.ingress.keyring import Keyring
from orchestrator.keys import Scope, new_key
from reconciler.errors import JournalUnavailable
from reconciler.journal.protocol import HOW_TO_HEAL

from .conftest import CATALOG, NODES, SETTINGS


class _ReadKey:
    """The only key there is may read."""

    token, stored = new_key("reader", Scope.READ, 0.0)

    def all(self):
        return (self.stored,)


class _FullDisk(MemoryGateway):
    """The journal cannot be written."""

    async def submit(self, task, wait_s=0.0):
        raise JournalUnavailable("the journal cannot be written: database or disk is full", "journal.url", HOW_TO_HEAL)


@pytest.fixture
def told(task_file, monkeypatch):
    """Submits a task to a service; what is printed, in one line."""

    def tell(gateway, *options, keyring=None):
        served = build(IngressContext(gateway, SETTINGS, CATALOG, keyring=keyring))
        transport = httpx.ASGITransport(served, raise_app_exceptions=False)
        monkeypatch.setattr(
            orchestrator.cli.tasks, "Client", lambda url, **more: Client(url, transport=transport, **more)
        )
        monkeypatch.setattr(patience, "PATIENCE_S", 0.0)
        result = CliRunner().invoke(cli, ["submit", str(task_file), *options])
        assert result.exit_code != 0
        return " ".join(result.stderr.split())

    return tell


@pytest.mark.parametrize(
    ("options", "what", "fix"),
    [
        ((), "this request needs an API key with the scope submit", "send the header 'Authorization: Bearer KEY'"),
        (("--token", "wrong"), "the API key is unknown", "`forerun keys list` lists all"),
        (("--token", _ReadKey.token), "the API key 'reader' has the scope read", "--scope submit"),
    ],
    ids=["none", "unknown", "too little"],
)
def test_a_wrong_key_is_told_with_what_to_do(told, options, what, fix):
    text = told(MemoryGateway(NODES), *options, keyring=Keyring(_ReadKey))

    for part in (what, "header.Authorization", fix, "forerun keys create"):
        assert part in text


def test_a_journal_that_cannot_be_written_is_told_with_where_it_is_and_what_to_do(told):
    text = told(_FullDisk(NODES))

    for part in ("the journal cannot be written: database or disk is full", "journal.url", "forerun doctor"):
        assert part in text
