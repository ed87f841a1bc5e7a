"""Runs the task in this process, with its real agents and with a replaced one: pytest."""

from my_agents import Source

from forerun import agent, run


def test_the_words_of_each_source_are_counted():
    ended = run("task.yaml")

    assert ended.status == "succeeded", ended.failure
    lines = ended.outputs["summary"].splitlines()
    assert lines == ["tides, part 1: 3 words", "tides, part 2: 6 words", "tides, part 3: 9 words"]


@agent("search", name="searcher")
async def finds_nothing(topic: str) -> list[Source]:
    """Replaces the agent of the same name."""
    return []


def test_nothing_found_is_an_empty_summary():
    ended = run("task.yaml", ["catalog.yaml", finds_nothing])

    assert ended.status == "succeeded", ended.failure
    assert ended.outputs["summary"] == ""
