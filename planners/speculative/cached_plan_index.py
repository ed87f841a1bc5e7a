"""Cached plans by the template of their goal, and by the similarity of its words."""

from collections import OrderedDict, defaultdict
from collections.abc import Iterator

from planners.model import canonical_json
from planners.speculative.cached_plan import CachedPlan
from planners.text.tfidf import TfidfIndex

_Key = tuple[str, str]
# Where a template is looked for: kind, names of inputs, first word (empty: it begins with a slot).
_Bucket = tuple[str, tuple[str, ...], str]


class CachedPlanIndex:
    """At most ``size`` plans, one per kind of task, goal template and input names. The longest unused are dropped."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._plans: OrderedDict[_Key, CachedPlan] = OrderedDict()
        self._buckets: defaultdict[_Bucket, dict[_Key, None]] = defaultdict(dict)
        self._words: TfidfIndex[_Key] = TfidfIndex()

    def __len__(self) -> int:
        return len(self._plans)

    def put(self, plan: CachedPlan) -> None:
        """Add a plan, or replace the one of the same template."""
        key = plan.kind, canonical_json([plan.template.texts, plan.input_names])
        # The key holds the template, so the words of a plan that is replaced are the same.
        if plan.searchable and key not in self._words:
            self._words.add(key, " ".join(plan.template.texts))
        self._plans[key] = plan
        self._plans.move_to_end(key)
        self._buckets[_bucket(plan)][key] = None
        while len(self._plans) > self._size:
            self._drop(*self._plans.popitem(last=False))

    def match(self, kind: str, input_names: tuple[str, ...], text: str) -> tuple[CachedPlan, tuple[str, ...]] | None:
        """The plan whose template matches a text with the most fixed characters, and the values of its slots."""
        best: tuple[CachedPlan, tuple[str, ...]] | None = None
        for plan in self._with_first_word(kind, input_names, text.partition(" ")[0]):
            if best is not None and plan.template.fixed <= best[0].template.fixed:
                continue
            if (values := plan.template.match(text)) is not None:
                best = plan, values
        return best

    def nearest(self, text: str) -> tuple[CachedPlan, float] | None:
        """The plan whose goal has the most similar words, and the similarity, 0..1."""
        for key, similarity in self._words.nearest(text):
            return self._plans[key], min(1.0, similarity)
        return None

    def prepare(self) -> None:
        """See `TfidfIndex.prepare`."""
        self._words.prepare()

    def _with_first_word(self, kind: str, input_names: tuple[str, ...], word: str) -> Iterator[CachedPlan]:
        for first in dict.fromkeys((word, "")):
            for key in self._buckets.get((kind, input_names, first), ()):
                yield self._plans[key]

    def _drop(self, key: _Key, plan: CachedPlan) -> None:
        bucket = self._buckets[_bucket(plan)]
        del bucket[key]
        if not bucket:
            del self._buckets[_bucket(plan)]
        self._words.drop(key)


def _bucket(plan: CachedPlan) -> _Bucket:
    first, _, more = plan.template.texts[0].partition(" ")
    is_whole_word = bool(more) or not plan.template.slots or plan.template.texts[0].endswith(" ")
    return plan.kind, plan.input_names, first if is_whole_word else ""
