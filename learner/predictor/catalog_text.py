"""Which tools a request mentions, and where, by the words of the catalog alone.

This is the only evidence before the first outcome, and the only evidence on tools that no past plan has used.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from learner.predictor.arrays import Columns, Floats
from learner.predictor.example import ToolText
from planners.text.tfidf import TfidfMatrix
from planners.text.tokens import name_words, plain_words, words

_WORDS = "the a an of to in on at for and is my me i it be that this with from by as or tool api"
PUNCTUATION = frozenset(",.;!?")
DROPPED = PUNCTUATION.union(_WORDS.split())  # tokens that say nothing of tools


class CatalogText:
    """TF-IDF of tool names and descriptions, scored against requests and their clauses.

    Tools outside the catalog are known by past plans alone; they follow those of the catalog. Their names say nothing:
    no agent offers them, and where steps are free text, the step of a past request echoes the words of that request.
    """

    def __init__(self, catalog: Sequence[ToolText], tools: int | None = None) -> None:
        """``tools``: how many there are with those outside the catalog; None if there are none."""
        self.catalog = tuple({tool.name: tool for tool in catalog}.values())
        self.tools = len(self.catalog) if tools is None else tools
        # Lower case: catalogs write titles, and a word that looks like a name would be masked.
        texts = [_content(words(tool_description(tool).lower())) for tool in self.catalog]
        self._matrix = TfidfMatrix.fit([[dict.fromkeys(text, 1.0)] for text in texts])
        self._inputs = [frozenset(tool.inputs) for tool in self.catalog]
        self._outputs = [frozenset(tool.outputs) for tool in self.catalog]

    def joins(self, parents: Columns, children: Columns) -> Floats:
        """Per pair of tools, whether an output of one is an input of the other; 1 where schemas do not say it."""
        pairs = zip(parents.tolist(), children.tolist(), strict=True)
        return np.array([self._join(parent, child) for parent, child in pairs], dtype=np.float32)

    def of_all_tools(self, values: Floats) -> Floats:
        """Values of the tools of the catalog, with 0 for those outside it, (tools,)."""
        return np.concatenate([values, np.zeros(self.tools - len(values), dtype=np.float32)])

    def mentions(self, request: str) -> tuple[Floats, Floats]:
        """Strength and mean position of each tool's words in the request, both 0..1, (tools,).

        The strength is the square root of the share of the tool's text weight that the request contains.
        """
        tokens = words(request)
        first: dict[str, float] = {}
        for index, token in enumerate(tokens):
            first.setdefault(token, index / len(tokens))
        share, positions = map(self.of_all_tools, self._matrix.coverage([dict.fromkeys(first, 1.0), first]))
        if not share.any():
            return share, share
        return np.sqrt(share), np.where(share > 0, positions / np.maximum(share, 1e-9), np.float32(0.5))

    def strengths(self, clauses: Sequence[str]) -> Floats:
        """Strength of each tool of the catalog in each clause, (clauses, tools of the catalog)."""
        return np.sqrt(self._matrix.coverage([dict.fromkeys(plain_words(clause), 1.0) for clause in clauses]))

    def _join(self, parent: int, child: int) -> bool:
        if max(parent, child) >= len(self.catalog):
            return True
        given, taken = self._outputs[parent], self._inputs[child]
        return not given or not taken or not given.isdisjoint(taken)


def tool_description(tool: ToolText) -> str:
    """A tool's name and description as one text."""
    return f"{name_words(tool.name)}. {tool.description}"


def _content(tokens: Iterable[str]) -> list[str]:
    return [word for word in tokens if word not in DROPPED]
