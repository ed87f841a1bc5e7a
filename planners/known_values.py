"""The values that are known while a workflow is unrolled: task inputs and the outputs of some finished steps."""

from collections.abc import Mapping
from typing import Any

from planners.bindings import (
    SPOKEN,
    Binding,
    Computed,
    Gather,
    InputRef,
    Leaf,
    StepRef,
    Value,
    fold_binding,
    follow,
    kind_of,
    step_refs,
)
from planners.context_keys import spoken
from planners.errors import InvalidTask
from planners.expressions.errors import ExpressionFailed
from planners.expressions.evaluation import MOST_COPIED, evaluate, value_of
from planners.expressions.references import HANDOFF, parsed
from planners.model import StepId
from planners.scopes import Meaning, NodeScope, NotRun, told
from planners.unsettled import UnsettledBlocks

_FIX = "test for what may be missing with has(), and compare like with like"


class KnownValues:
    """Task inputs by name, and outputs of steps by flat id, with the confidences that are less than 1.

    ``spoken``: what handoffs say besides their outputs. ``unsettled``: the blocks whose outputs count only once further
    steps are known to have ended.
    """

    def __init__(
        self,
        inputs: Mapping[str, Any],
        outputs: Mapping[StepId, Any],
        confidences: Mapping[StepId, float],
        unsettled: UnsettledBlocks,
        spoken: Mapping[StepId, Mapping[str, Any]],
    ) -> None:
        self._inputs = inputs
        self._outputs = outputs
        self._confidences = confidences
        self._unsettled = unsettled
        self._spoken = spoken

    def __contains__(self, step: StepId) -> bool:
        return step in self._outputs

    def holds(self, condition: str, scope: NodeScope, field: str) -> bool | list[StepId]:
        """Whether a condition holds, or the steps whose outputs must be known first.

        Raises:
            InvalidTask: it has no value, or one that is neither true nor false.
        """
        expression, unknown = parsed(condition), list[StepId]()
        try:
            values = [
                self._handoff(scope[root.step], unknown)
                if isinstance(root, StepRef) and root.path == HANDOFF
                else self._value(scope.leaf(root), unknown)
                for root in expression.roots
            ]
            if unknown:
                return list(dict.fromkeys(unknown))
            held = evaluate(expression, values)
        except LookupError as error:
            message = f"it reads a value that has {error.args[0]}"
            raise InvalidTask(message, field, "bind it to a part that exists") from None
        except ExpressionFailed as error:
            raise InvalidTask(f"'{condition}' has no value: {error.message}", field, _FIX) from None
        if not isinstance(held, bool):
            message = f"'{condition}' is {kind_of(held)}, neither true nor false"
            raise InvalidTask(message, field, "compare it with something")
        return held

    def _handoff(self, meaning: Meaning, unknown: list[StepId]) -> dict[str, Any]:
        """How a node ended. Of one that stands for several steps, the confidence is that of the least sure one."""
        match meaning:
            case NotRun(failed=failed):
                return {"status": "failed" if failed else "skipped", "confidence": 0.0}
            case Value() | None:
                return {"status": "default", "confidence": 0.0}
        steps = [ref.step for ref in step_refs(meaning)]
        unknown += [step for step in steps if step not in self._outputs]
        unknown += self._unsettled.awaited(steps)
        confidence = min((self._confidences.get(step, 1.0) for step in steps), default=1.0)
        return {"status": "succeeded", "confidence": confidence}

    def made(self, binding: Binding, field: str) -> Value | list[StepId]:
        """The value of a binding with expressions in it, or the steps whose outputs must be known first.

        Raises:
            InvalidTask: an expression has no value, or one that is too large to be copied.
        """
        unknown: list[StepId] = []
        try:
            value = self._value(binding, unknown)
        except LookupError as error:
            message = f"it reads a value that has {error.args[0]}"
            raise InvalidTask(message, field, "bind it to a part that exists") from None
        except ExpressionFailed as error:
            raise InvalidTask(error.message, field, _FIX) from None
        return list(dict.fromkeys(unknown)) or Value(value=value)

    def length(self, over: Binding, block: StepId) -> int:
        """The length of the list that a block runs over.

        Raises:
            InvalidTask: it is no list.
        """
        if isinstance(over, Gather):
            return len(over.gather)
        try:
            value = self._value(over, [])
        except LookupError as error:
            raise InvalidTask(
                f"for_each of '{block}' runs over {told(over)}, which has {error.args[0]}",
                f"workflow.steps.{block}.for_each",
                "bind it to a list that exists",
            ) from None
        if isinstance(value, list):
            return len(value)
        raise InvalidTask(
            f"for_each of '{block}' needs a list, and {told(over)} is {kind_of(value)}",
            f"workflow.steps.{block}.for_each",
            "bind it to a list",
        )

    def _said_by(self, step: StepId) -> Any:
        return self._spoken.get(step) or spoken({}, "", self._confidences.get(step, 1.0))

    def _value(self, binding: Binding, unknown: list[StepId]) -> Any:
        """The value of a substituted binding. Steps whose outputs are not known are added to ``unknown``.

        Raises:
            LookupError: there is no such part.
        """

        def of_leaf(leaf: Leaf) -> Any:
            match leaf:
                case InputRef(input=name, path=path):
                    return follow(self._inputs[name], path)
                case StepRef(step=step, path=path) if step in self._outputs:
                    unknown.extend(self._unsettled.awaited([step]))
                    return follow(self._said_by(step) if path[:1] in SPOKEN else self._outputs[step], path)
                case StepRef(step=step):
                    unknown.append(step)
                    return None
                case Value(value=value):
                    return value
                case _:
                    raise AssertionError("$item and $state are substituted before")

        def of_expression(computed: Computed, reads: dict[str, Any]) -> Any:
            if unknown:
                return None
            try:
                return value_of(computed.cel, reads, computed.path, MOST_COPIED)
            except ExpressionFailed as error:
                raise ExpressionFailed(f"'{computed.cel}' has no value: {error.message}") from None

        return fold_binding(binding, of_leaf, list, dict, of_expression)
