"""Boosted trees as plain tuples, which planners evaluate in microseconds without the overhead of a LightGBM call."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import lightgbm as lgb

# (feature, threshold, left, right, left if missing, missing counts as zero); a child below 0 is leaf ~child.
_Split = tuple[int, float, int, int, bool, bool]


@dataclass(frozen=True, slots=True)
class Tree:
    """One regression tree: its splits in preorder, and the values of its leaves."""

    splits: tuple[_Split, ...]
    leaves: tuple[float, ...]

    def value(self, row: Sequence[float]) -> float:
        """The value of the leaf for a row of features; NaN means missing."""
        at = 0 if self.splits else -1
        while at >= 0:
            feature, threshold, left, right, left_if_missing, zero = self.splits[at]
            x = row[feature]
            if math.isnan(x):
                at = left if (threshold >= 0.0 if zero else left_if_missing) else right
            else:
                at = left if x <= threshold else right
        return self.leaves[~at]


@dataclass(frozen=True, slots=True)
class Trees:
    """A sum of trees: LightGBM's raw score for numerical features."""

    trees: tuple[Tree, ...]

    @classmethod
    def of(cls, booster: "lgb.Booster") -> "Trees":
        """The trees of a booster with numerical features.

        Raises:
            ValueError: a split is categorical.
        """
        return cls(tuple(_tree(info["tree_structure"]) for info in booster.dump_model()["tree_info"]))

    def score(self, row: Sequence[float]) -> float:
        """The raw score of one row."""
        return sum(tree.value(row) for tree in self.trees)


def _tree(root: dict[str, Any]) -> Tree:
    splits: list[_Split] = []
    leaves: list[float] = []

    def visit(node: dict[str, Any]) -> int:
        if "leaf_value" in node:
            leaves.append(float(node["leaf_value"]))
            return ~(len(leaves) - 1)
        if node["decision_type"] != "<=":
            raise ValueError(f"unsupported split '{node['decision_type']}'")
        index = len(splits)
        splits.append((0, 0.0, 0, 0, False, False))
        left, right = visit(node["left_child"]), visit(node["right_child"])
        splits[index] = (
            int(node["split_feature"]),
            float(node["threshold"]),
            left,
            right,
            bool(node["default_left"]),
            node["missing_type"] != "NaN",
        )
        return index

    visit(root)
    return Tree(tuple(splits), tuple(leaves))
