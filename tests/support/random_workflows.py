"""Random declared workflows with all kinds of nodes, and agents whose answers and failures follow from their inputs."""

from hypothesis import strategies as st

from planners.model import canonical_json, digest
from reconciler.state.handoff import Failure, FailureKind, Handoff

# Over what a binding reads, and over results; both of texts, lists and numbers. The last ones have no value for some.
_EXPRESSIONS = ("[{0}, 1]", "type({0}) == string ? {0} + 'x' : 'y'", "{{'of': {0}}}", "{0} + 'z'", "{0}.size()")
_QUORUMS = (
    "$results.size() >= 2",
    "$results.exists(r, type(r) == string && r < '6')",
    "$confidences.size() > 2 || $results.all(r, type(r) == string && r > '9')",
    "$results.exists(r, r < '3')",
)


@st.composite
def workflows(draw, depth=2, *, policies=True, undo=False, order=False, effects=False, times=False):
    """The steps of a workflow, as people declare them.

    ``undo``: some say how they are undone. ``order``: with quorums and approvals, so that what a run gives depends on
    the order in which steps end, though not on how long anything takes. ``effects``: some act, or stage their outputs.
    ``times``: with time limits, so that what a run gives depends on those.
    """
    drawing = _Drawing(draw, policies=policies, undo=undo, order=order, effects=effects, times=times)
    return drawing.level(depth, ())


class _Drawing:
    def __init__(self, draw, *, policies, undo, order, effects, times):
        self.times = times
        self.draw = draw
        self.capabilities = ["do", "do", "say", "propose", *(["act", "file"] if effects else [])]
        self.order = order
        self.used = ""
        self.policies = policies
        self.undo = undo
        self.count = self.loops = 0
        self.keys = set()  # of the context that nodes before may have written

    def level(self, depth, outer, *, item=False, least=1, most=4):
        """Nodes that read the outputs of those before them; ``outer`` are visible from around."""
        nodes, seen = [], list(outer)
        for _ in range(self.draw(st.integers(least, most))):
            node = self.node(depth, seen, item)
            self.join(node, [one["id"] for one in nodes])
            nodes.append(node)
            seen.append(node["id"])
        return nodes

    def node(self, depth, seen, item):
        self.count += 1
        name = f"n{self.count}"
        kinds = ["step", "step", "step"] + (
            ["for_each", "parallel", "route", "loop", "try", "use", "approval" if self.order else "wait"]
            if depth
            else []
        )
        node = getattr(self, "a_" + self.draw(st.sampled_from(kinds)))(name, depth, seen, item)
        if self.draw(st.integers(0, 4)) == 0:
            node["default"] = self.draw(st.sampled_from([None, 0, "none"]))
        if self.policies and not {"wait", "try", "approval"} & node.keys() and self.draw(st.integers(0, 2)) == 0:
            node["on_failure"] = "default" if "default" in node else "skip"
        return node

    def join(self, node, beside):
        """Let a node join some of those beside it."""
        if not (self.policies and beside) or self.draw(st.integers(0, 3)):
            return
        steps = self.draw(st.lists(st.sampled_from(beside), min_size=1, max_size=3, unique=True))
        few = [{"tolerated_failures": 1}, {"tolerated_failures": "50%"}]
        quorum = {"complete_when": self.draw(st.sampled_from(_QUORUMS))} if self.order else {}
        quorums = [{"min_successful": 1}] * 2 + [quorum] if self.order else []
        policy = self.draw(st.sampled_from([*few, *quorums, *([{"timeout_s": 1.0}] if self.times else [])]))
        node["join"] = {"steps": steps, **policy}

    def binding(self, seen, item):
        choices = (
            [f"$inputs.{self.used}/q" if self.used else "$inputs.seed", 1, 2]
            + (["$state.x"] if self.loops else [])
            + [f"$steps.{one}" for one in seen]
            + (["$item"] if item else [])
            + [f"$context.{key}" for key in sorted(self.keys)]
        )
        return self.draw(st.sampled_from(choices))

    def expression(self, seen, item):
        """The value of an expression over what a binding may read; few have none for some values."""
        bound = self.binding(seen, item)
        read = bound if isinstance(bound, str) else "$inputs.seed"
        return {"cel": self.draw(st.sampled_from(_EXPRESSIONS)).format(read)}

    def a_step(self, name, depth, seen, item):
        inputs = {"k": self.binding(seen, item)}
        if self.draw(st.booleans()):
            inputs["m"] = self.draw(st.sampled_from([[self.binding(seen, item), 1], self.binding(seen, item)]))
        capability = self.draw(st.sampled_from(self.capabilities))
        after = self.draw(st.lists(st.sampled_from(seen), max_size=1)) if seen else []
        node = {"id": name, "capability": capability, "inputs": inputs, "after": after}
        if self.draw(st.integers(0, 3)) == 0:
            inputs["made"] = self.expression(seen, item)
        if self.draw(st.integers(0, 3)) == 0:
            node["mailbox"] = {"publishes": ["news"], "subscribes": ["news"]}
        if self.draw(st.integers(0, 2)) == 0:
            key = self.draw(st.sampled_from(["p", "q"]))
            if key in self.keys:
                inputs["before"] = f"$context.{key}"  # so that it follows the version before
            node["writes"] = {key: self.draw(st.sampled_from(["$output", "$context.said"]))}
            self.keys.add(key)
        if self.times and self.draw(st.integers(0, 5)) == 0:
            node["deadline_s"] = self.draw(st.sampled_from([0.9, 1.7, 4.0]))
        if self.undo and self.draw(st.integers(0, 3)):
            node["compensate"] = {"capability": "undo", "inputs": {"of": f"$steps.{name}", **inputs}}
        return node

    def policy(self, total):
        if not self.policies:
            return {}
        if self.order and self.draw(st.booleans()):
            least = self.draw(st.sampled_from([1, 2, "50%", None]))
            return (
                {"complete_when": self.draw(st.sampled_from(_QUORUMS))} if least is None else {"min_successful": least}
            )
        if self.times and self.draw(st.integers(0, 2)) == 0:
            late = [
                {"timeout_s": 0.6},
                {"timeout_s": 2.0},
                {"stragglers": {"factor": 2.0}, "tolerated_failures": total},
            ]
            return self.draw(st.sampled_from(late))
        few = [{}, {"max_concurrency": 1}, {"tolerated_failures": 1}, {"tolerated_failures": total}]
        return self.draw(st.sampled_from([*few, {"tolerated_failures": "50%", "max_concurrency": 2}]))

    def a_for_each(self, name, depth, seen, item):
        over = self.draw(st.sampled_from([[1], [1, 2, 3], [], [4, 5] if self.used else "$inputs.list"]))
        steps = self.level(depth - 1, seen, item=True, most=2)
        return {"id": name, "for_each": over, "steps": steps, "output": steps[-1]["id"], **self.policy(2)}

    def a_parallel(self, name, depth, seen, item):
        # No reads between elements: which one fails first would then depend on time.
        nodes = self.apart([lambda: self.node(depth - 1, seen, item)] * self.draw(st.integers(1, 3)))
        return {"id": name, "parallel": nodes, **self.policy(2)}

    def a_route(self, name, depth, seen, item):
        read = self.binding(seen, item)

        def case():
            when = f"type({read}) == string && {read} < '{self.draw(st.sampled_from('159b'))}'"
            return self.branch(depth, seen, item, when=when)

        count, otherwise = self.draw(st.integers(1, 2)), self.draw(st.booleans())
        ways = self.apart([case] * count + [lambda: self.branch(depth, seen, item)] * otherwise)
        return {"id": name, "route": ways[:count], **({"else": ways[count]} if otherwise else {})}

    def a_loop(self, name, depth, seen, item):
        state = {"x": self.binding(seen, item)}
        self.loops += 1
        steps = self.level(depth - 1, seen, item=item, most=2)
        last = steps[-1]["id"]
        self.loops -= 1
        over = f"type($steps.{last}) == string && $steps.{last} < '{self.draw(st.sampled_from('37c'))}'"
        return {
            "id": name,
            "loop": steps,
            "output": last,
            "state": state,
            "next": {"x": self.draw(st.sampled_from([f"$steps.{last}", {"cel": f"[$steps.{last}, $state.turn]"}]))},
            "max": 3,
            **self.draw(st.sampled_from([{}, {"until": over}, {"while": "$state.turn < 2"}])),
        }

    def a_try(self, name, depth, seen, item):
        ways = (lambda: self.level(depth - 1, seen, item=item, most=2), lambda: self.branch(depth, seen, item))
        first, fallback = self.apart(ways)
        return {"id": name, "try": first, "output": first[-1]["id"], "fallback": fallback}

    def a_use(self, name, depth, seen, item):
        """As a task holds it once it is admitted: the steps read the inputs of the node and nothing else."""
        given, around, self.loops, loops = self.binding(seen, item), self.used, 0, self.loops
        self.used, keys, self.keys = name, self.keys, set()
        steps = self.level(depth - 1, (), most=2)
        self.used, self.loops, self.keys = around, loops, keys
        return {"id": name, "use": "other", "inputs": {"q": given}, "steps": steps, "output": steps[-1]["id"]}

    def a_approval(self, name, depth, seen, item):
        return {"id": name, "approval": "Right?", "inputs": {"k": self.binding(seen, item)}}

    def a_wait(self, name, depth, seen, item):
        return {
            "id": name,
            "wait": 0.2,
            "after": self.draw(st.lists(st.sampled_from(seen), max_size=1)) if seen else [],
        }

    def apart(self, ways):
        """Nodes that do not see what the others write to the context."""
        before, made, written = self.keys, [], set()
        for way in ways:
            self.keys = set(before)
            made.append(way())
            written |= self.keys
        self.keys = written
        return made

    def branch(self, depth, seen, item, **more):
        steps = self.level(depth - 1, seen, item=item, most=2)
        return {"steps": steps, "output": steps[-1]["id"], **more}


def answered(share=4):
    """Agents that fail for good on some inputs, once in ``share``; else their output is a digest of the inputs.

    Those that may propose do so for half of the inputs: one or two steps, of which the last may propose again.
    """

    def output(capability, inputs, _number):
        made = digest(capability, canonical_json(inputs))
        if share and int(made[:6], 16) % share == 0:
            return Failure(kind=FailureKind.BAD_INPUT, message=f"{made[:6]} is bad")
        proposal = _proposal(made) if capability == "propose" else None
        return Handoff(output=made, next=proposal, context={"said": made[:5]})

    return output


def _proposal(made):
    drawn = int(made[6:8], 16)
    if drawn % 2:
        return None
    last = {"id": "last", "capability": "propose" if drawn % 8 == 0 else "do", "inputs": {"k": "$inputs.output"}}
    first = {"id": "first", "capability": "say", "inputs": {"k": "$inputs.k", "m": drawn}}
    return {"steps": [first, {**last, "after": ["first"]}] if drawn % 4 else [last]}
