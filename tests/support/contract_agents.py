"""The agents that every executor must run alike."""

import sample_agents as s

from actors.catalog import catalog_of
from planners.agents import AgentSpec, Catalog

DECLARED = catalog_of(
    *(
        s.add,
        s.add_in_process,
        s.describe,
        s.broken,
        s.exits,
        s.exits_in_host,
        s.lying,
        s.waits,
        s.waits_briefly,
        s.makes,
    ),
    *(s.makes_in_host, s.reads, s.reads_all, s.publishes, s.publishes_in_process, s.counted),
    *(
        s.publishes_at_the_third_go,
        s.publishes_never,
        s.pays,
        s.pays_in_doubt,
        s.publishes_until_cancelled,
        s.publishes_and_cancels,
    ),
)
COMMANDS = (
    AgentSpec(
        name="shouts",
        capability="shout",
        kind="command",
        target=("python3", "-c", "import json,sys; print(json.dumps(json.load(sys.stdin)['text'].upper()))"),
        input_schema={"properties": {"text": {"type": "string"}}, "required": ["text"]},
    ),
    AgentSpec(name="fails", capability="shout", kind="command", target=("sh", "-c", "echo oh no >&2; exit 7")),
    AgentSpec(name="mumbles", capability="shout", kind="command", target=("echo", "no json")),
    AgentSpec(name="missing", capability="shout", kind="command", target=("no-such-program",)),
)
CATALOG = Catalog(agents=(*DECLARED.agents, *COMMANDS))
