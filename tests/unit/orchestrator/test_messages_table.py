"""The messages of a task in `forerun show`."""

from rich.console import Console

from orchestrator.cli.output import messages_table
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

    assert head == ["at", "s", "message", "topic", "bytes"]
    assert first == ["1.000", "a/0", "news", "7"]
    assert reply == ["2.500", "b/0", "reply", "to", "a/0", "7"]
    assert staged == ["staged", "c/1", "news", "7"]


def test_only_the_latest_are_shown():
    head, *rows = shown(*(note(f"a/{number}") for number in range(25)))

    assert "(5 earlier ones not shown)" in " ".join(head)
    assert (len(rows), rows[0][1], rows[-1][1]) == (20, "a/5", "a/24")


def test_a_task_without_messages_has_no_table():
    assert messages_table(Timeline(task="t", bars=())) is None
