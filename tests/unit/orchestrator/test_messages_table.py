"""The messages of a task in `forerun show`."""

from rich.console import Console

from orchestrator.cli.tables import messages_table
from reconciler.views.models import MessageNote, Timeline


def note(name, topic="news", at_s=1.0, **more):
    step = name.rpartition("/")[0]
    return MessageNote(id=name, step=step, attempt="t.1", topic=topic, size_bytes=7, at_s=at_s, **more)


def shown(*notes):
    made = messages_table(Timeline(task="t", bars=(), messages=notes))
    console = Console(width=120)
    with console.capture() as captured:
        console.print(made)
    return [line.split() for line in captured.get().splitlines()]


def test_messages_are_listed_with_who_said_them_about_what():
    head, first, reply, staged = shown(note("a/0"), note("b/0", "", 2.5, reply_to="a/0"), note("c/1", at_s=None))

    assert head == ["message", "at", "s", "topic", "bytes"]
    assert first == ["a/0", "1.000", "news", "7"]
    assert reply == ["b/0", "2.500", "reply", "to", "a/0", "7"]
    assert staged == ["c/1", "staged", "news", "7"]


def test_only_the_latest_are_shown():
    title, _head, *rows = shown(*(note(f"a/{number}") for number in range(25)))

    assert "(5 earlier messages not shown)" in " ".join(title)
    assert (len(rows), rows[0][0], rows[-1][0]) == (20, "a/5", "a/24")


def test_a_task_without_messages_has_no_table():
    assert messages_table(Timeline(task="t", bars=())) is None
