"""The addresses of callbacks, as agents and templates see them."""

import pytest

from actors.context import Context
from actors.errors import NoCallback
from actors.executor.calls import Calls
from actors.kinds.templates import Rendering, check_template
from actors.payloads.outputs import BoundInputs
from actors.payloads.store import ReturnedPayloads
from orchestrator.callback_urls import CallbackUrls
from planners.agents import AgentSpec, Catalog, Effect
from reconciler.state.commands import Dispatch

URLS = CallbackUrls("http://forerun", b"a key that signs", 60.0)


def context(*steps, addresses=URLS):
    order = Dispatch(
        attempt="t.1",
        step="ask",
        agent="asker",
        node="n1",
        inputs={},
        epoch=1,
        speculative=False,
        effect=Effect.IDEMPOTENT,
        work_key="k",
        callbacks=steps,
    )
    calls = Calls(1024, ReturnedPayloads(), None, "e", addresses)
    agent = AgentSpec(name="asker", capability="ask")
    return calls.bound("t", order, agent, BoundInputs({}), Catalog(agents=(agent,))).context()


def test_an_agent_knows_the_address_of_the_callback_behind_its_step():
    assert context("paid").callback_url().startswith("http://forerun/v1/callbacks/t/paid?expires=")
    assert context("paid").heartbeat_url().startswith("http://forerun/v1/heartbeats/t/paid?expires=")


def test_of_several_callbacks_it_names_one_as_it_is_declared():
    several = context("pay/paid[0]", "pay/sent[0]")

    assert "/t/pay/sent%5B0%5D?" in several.callback_url("sent")
    with pytest.raises(NoCallback, match="not exactly one"):
        several.callback_url()
    with pytest.raises(NoCallback, match="no callback 'other'"):
        several.callback_url("other")


def test_without_a_service_there_is_no_address():
    with pytest.raises(NoCallback, match="there is none"):
        context("paid", addresses=None).callback_url()


def test_templates_hold_the_address():
    rendering = Rendering({}, context("paid"))

    assert rendering.value({"notify": "{{ callback_url() }}"}, "body")["notify"].startswith("http://forerun/v1/callb")
    assert "/t/paid?" in rendering.text("to {{ callback_url('paid') }}", "prompt")
    assert check_template("{{ callback_url() }}{{ name }}", (), "body") == {"name"}


def test_a_context_outside_any_attempt_has_no_callbacks():
    with pytest.raises(NoCallback):
        Context.of_catalog("asker", ()).callback_url()
