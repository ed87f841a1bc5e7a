"""Sources of inputs in past plans."""

from planners.bindings import InputRef, StepRef
from planners.model import StepId
from planners.speculative.binding_sources import BindingSource, BindingSources
from planners.workflow import Step

FETCH = Step(id=StepId("fetch"), capability="fetch", inputs={"url": InputRef(input="url")})
CAPTION = Step(id=StepId("caption"), capability="caption", inputs={"image": StepRef(step=StepId("fetch"))})


def test_the_sources_of_an_input_follow_the_latest_plans():
    sources = BindingSources(8)
    assert sources.of("fetch", "url") == ()

    sources.observe([FETCH])
    (first,) = sources.of("fetch", "url")
    sources.observe([FETCH.model_copy(update={"inputs": {"url": InputRef(input="page")}})])

    assert first[0] == BindingSource("input", "url")
    assert {source.of for source, _ in sources.of("fetch", "url")} == {"url", "page"}


def test_the_sources_of_an_input_are_read_once_for_all_guesses(monkeypatch):
    sources, read = BindingSources(8), []
    sources.observe([FETCH, CAPTION])
    of_key = BindingSource.from_key
    monkeypatch.setattr(BindingSource, "from_key", lambda key: read.append(key) or of_key(key))

    found = [sources.of("caption", "image") for _ in range(3)]

    assert found == [[(BindingSource("step", "fetch"), found[0][0][1])]] * 3
    assert len(read) == 1


def test_no_more_inputs_are_kept_than_asked_for():
    sources = BindingSources(2)
    for name in ("a", "b", "c"):
        sources.observe([FETCH.model_copy(update={"inputs": {name: InputRef(input="url")}})])
        assert sources.of("fetch", name)

    assert sources.of("fetch", "a") == ()
    assert len(sources._read) <= 2
