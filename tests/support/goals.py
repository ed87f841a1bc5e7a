"""Planning goals in tests: four capabilities with schemas, two nodes, and answers as an LLM writes them."""

from planners.agents import AgentSpec, Catalog, Effect, Price
from planners.cluster import ClusterNode, ClusterSnapshot
from planners.interfaces import interfaces
from planners.optimal.decompose.goals import GoalText
from planners.optimal.decompose.step_validation import StepValidation
from planners.requests import PlanRequest
from planners.resources import Resources
from planners.tasks import PlanningOptions, Task
from planners.workflow import Step


def schema(required, **properties):
    return {"type": "object", "properties": {k: {"type": v} for k, v in properties.items()}, "required": required}


def agent(name, capability, takes, makes, **more):
    return AgentSpec(
        name=name, capability=capability, input_schema=takes, output_schema=makes, resources=Resources(cpus=1), **more
    )


TRANSLATE = (schema(["text", "to"], text="string", to="string"), schema(["text"], text="string"))
CAPTION_IN = {
    "type": "object",
    "properties": {"image": {"type": "string"}, "lang": {"type": "string", "default": "en"}},
    "required": ["image"],
}
CATALOG = Catalog(
    agents=(
        agent("fetcher", "fetch", schema(["url"], url="string"), schema(["image"], image="string", size="integer")),
        agent("captioner", "caption", CAPTION_IN, schema(["caption"], caption="string")),
        agent("translator-small", "translate", *TRANSLATE, expected_s=1.0, quality=0.6),
        agent("translator-large", "translate", *TRANSLATE, expected_s=3.0, quality=0.9, price=Price(usd_per_call=0.1)),
        agent("merger", "merge", schema(["texts"], texts="array"), schema(["report"], report="string")),
        agent("mailer", "mail", schema(["body"], body="string"), schema([], id="string"), effect=Effect.IRREVERSIBLE),
    )
)
CLUSTER = ClusterSnapshot(
    nodes=tuple(ClusterNode(id=f"n{i}", node_class="cpu", total=Resources(cpus=2)) for i in (1, 2))
)

GOAL = "Caption the picture at https://a.example/cat.png and say it in 'French'"
ANSWER = (
    {"id": "s1", "capability": "fetch", "inputs": {"url": "https://a.example/cat.png"}, "after": []},
    {"id": "s2", "capability": "caption", "inputs": {"image": "$steps.s1.image", "lang": None}, "after": []},
    {"id": "s3", "capability": "translate", "inputs": {"text": "$steps.s2.caption", "to": "French"}, "after": []},
)


def steps(answer=ANSWER, later=(), catalog=CATALOG):
    """An answer's steps with canonical ids, as a decomposer yields them; ``later`` names inputs they may refer to."""
    confirmed = StepValidation(GoalText(text="x", later=tuple(later)), interfaces(catalog))
    return [step for raw in answer for step in confirmed.accept(Step.model_validate(raw))]


def goal_task(goal=GOAL, inputs=None, **more):
    planning = PlanningOptions(**{key: more.pop(key) for key in ("mode", "fallback") if key in more})
    return Task(goal=goal, inputs=inputs or {}, planning=planning, **more)


def request(task=None, **more):
    return PlanRequest(task=task or goal_task(), catalog=more.pop("catalog", CATALOG), cluster=CLUSTER, **more)


class Clock:
    """A clock that advances when set, and by ``tick_s`` at every reading."""

    def __init__(self, tick_s=0.0):
        self.now_s = 100.0
        self.tick_s = tick_s

    def __call__(self):
        self.now_s += self.tick_s
        return self.now_s
