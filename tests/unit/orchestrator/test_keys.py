"""API keys: tokens, scopes, the keys a replica knows, and the commands that manage them."""

import asyncio
import json
import re
from hashlib import sha256

import pytest
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from orchestrator.cli.app import app as cli
from orchestrator.errors import Unavailable
from orchestrator.ingress.keyring import Keyring
from orchestrator.keys import Scope, key_of, new_key
from orchestrator.settings import Http


def test_a_token_has_256_random_bits_and_only_its_digest_is_stored():
    (first, key), (second, _) = (new_key("ci", Scope.SUBMIT, 5.0) for _ in range(2))

    secret = first.split("_", 2)[2]
    assert len(secret) == 43, "32 bytes in base64"
    assert first != second
    assert key.digest == sha256(first.encode()).hexdigest()
    assert secret not in repr(key)


def test_a_token_belongs_to_its_own_key_only():
    (token, key), (other, other_key) = (new_key("ci", Scope.READ, 0.0) for _ in range(2))

    assert key_of(token, [other_key, key]) == key
    assert key_of(token, [other_key]) is None
    assert key_of(token[:-1], [key]) is None
    assert key_of(f"forerun_{key.id}_{other.split('_', 2)[2]}", [key]) is None
    for odd in ("", "_", "forerun_", f"forerun_{key.id}_", "\udcff"):
        assert key_of(odd, [key]) is None


def test_each_scope_includes_those_before_it():
    assert Scope.ADMIN.includes(Scope.READ)
    assert Scope.SUBMIT.includes(Scope.SUBMIT)
    assert not Scope.READ.includes(Scope.SUBMIT)
    assert not Scope.SUBMIT.includes(Scope.ADMIN)


@pytest.mark.parametrize(
    ("http", "required"),
    [
        (Http(), False),
        (Http(host="localhost"), False),
        (Http(host="::1"), False),
        (Http(host="0.0.0.0"), True),  # noqa: S104
        (Http(host="10.1.2.3"), True),
        (Http(host="node-7"), True),
        (Http(require_keys=True), True),
        (Http(host="10.1.2.3", require_keys=False), False),
    ],
)
def test_keys_are_required_unless_the_service_listens_on_loopback(http, required):
    assert http.keys_required is required


class Source:
    """Keys that are read from here; counts the reads."""

    def __init__(self, *keys):
        self.stored, self.reads, self.is_up = list(keys), 0, True

    def all(self):
        self.reads += 1
        if not self.is_up:
            raise OperationalError("SELECT", {}, OSError("no connection"))
        return tuple(self.stored)


async def test_keys_are_read_at_most_once_a_second():
    now = [0.0]
    source = Source(new_key("a", Scope.READ, 0.0)[1])
    keyring = Keyring(lambda: source, lambda: now[0])

    assert [len(keys) for keys in await asyncio.gather(*(keyring.keys() for _ in range(10)))] == [1] * 10
    assert source.reads == 1
    source.stored.clear()
    now[0] = 1.1
    assert await keyring.keys() == ()
    assert source.reads == 2


async def test_a_new_key_is_known_soon_and_unknown_ones_do_not_read_again_each_time():
    now = [0.0]
    source = Source()
    keyring = Keyring(lambda: source, lambda: now[0])
    assert await keyring.keys() == ()
    token, new = new_key("a", Scope.READ, 0.0)
    source.stored.append(new)

    now[0] = 0.2
    assert await keyring.key(token) == new
    assert [await keyring.key(f"{token}{number}") for number in range(10)] == [None] * 10
    assert source.reads == 2


async def test_known_keys_stay_valid_while_the_database_is_away():
    now = [0.0]
    source = Source(new_key("a", Scope.READ, 0.0)[1])
    keyring = Keyring(lambda: source, lambda: now[0])
    known = await keyring.keys()
    source.is_up, now[0] = False, 10.0

    assert await keyring.keys() == known


async def test_without_any_known_keys_the_service_is_unavailable():
    source = Source()
    source.is_up = False

    with pytest.raises(Unavailable, match="API keys cannot be read"):
        await Keyring(lambda: source).keys()


@pytest.fixture
def forerun(tmp_path):
    runner = CliRunner()
    return lambda *arguments: runner.invoke(cli, [*arguments, "--data-dir", str(tmp_path / "data")])


def test_keys_are_created_listed_and_revoked(forerun):
    created = forerun("keys", "create", "laptop", "--scope", "read")
    token = created.stdout.splitlines()[0]
    assert re.fullmatch(r"forerun_[0-9a-f]{8}_[\w-]{43}", token)
    assert "the first key of" in created.stdout

    listed = json.loads(forerun("keys", "list", "--json").stdout)["keys"]
    assert [(key["name"], key["scope"], key["revoked_at_s"]) for key in listed] == [("laptop", "read", None)]
    assert token not in forerun("keys", "list").stdout

    assert forerun("keys", "revoke", listed[0]["id"]).exit_code == 0
    assert "revoked" in forerun("keys", "list").stdout


@pytest.mark.parametrize("command", [("list",), ("revoke", "0badc0de")])
def test_keys_of_a_folder_without_a_journal_are_not_looked_for(forerun, tmp_path, command):
    """A misspelt folder would look like a service without keys."""
    result = forerun("keys", *command)

    assert result.exit_code == 2
    assert "there is no journal" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_key_that_does_not_exist_cannot_be_revoked(forerun):
    forerun("keys", "create", "laptop")

    result = forerun("keys", "revoke", "0badc0de")

    assert result.exit_code == 2
    assert "there is no valid key '0badc0de'" in result.stderr
    assert "forerun keys list" in result.stderr


def test_a_name_in_place_of_an_id_is_refused_with_the_id(forerun):
    forerun("keys", "create", "laptop")
    (key,) = json.loads(forerun("keys", "list", "--json").stdout)["keys"]

    result = forerun("keys", "revoke", "laptop")

    assert result.exit_code == 2
    assert f"give the id of the key: {key['id']}" in result.stderr


def test_a_key_needs_a_name(forerun):
    assert forerun("keys", "create", " ").exit_code == 2
