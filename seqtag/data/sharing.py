"""Words that training hardly knew: their occurrences in a document share what each is taken for.

A name is often plain from one sentence of a document and not from another ("LEICESTERSHIRE" heads a table, and bats in
the text). So the scores of such a word's tags are moved towards their mean over the document, case aside:

    scores + weight * (mean - scores),    weight = strength / (strength + count)

with `count` the word's in the training part, so that a word known well is judged by its sentence alone. It is the idea
of Krishnan and Manning (2006) that a token's label elsewhere in its document is evidence, without a second model.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float32, Int

from seqtag.data.batching import Plan
from seqtag.data.encoding import TokenTable

_LEAST = 0.01
"""Words whose weight is less share nothing: they are most tokens of a text, and it would change next to nothing."""
_MOST = 200_000
"""Words whose weights are kept before all are forgotten, so that endless text takes bounded memory."""


class Sharing:
    """Moves the scores of rare words towards each other. Several threads may share one."""

    def __init__(self, table: TokenTable, strength: float) -> None:
        self._table = table
        self._strength = strength
        self._rare: dict[str, tuple[str, float] | None] = {}

    @classmethod
    def of(cls, table: TokenTable, strength: float) -> "Sharing | None":
        """None where nothing is shared: without strength, and by a model that labels whole texts."""
        return cls(table, strength) if strength and not table.vocabulary.classes else None

    def across(
        self,
        arrays: Sequence[Float32[np.ndarray, "rows time tags"]],
        plans: Sequence[Plan],
        sentences: Sequence[Sequence[str]],
        documents: Iterable[int],
    ) -> list[Float32[np.ndarray, "rows time tags"]]:
        """The scores of batches after sharing; `plans` tell where in them the sentences stand."""
        ends = np.cumsum([array.shape[0] * array.shape[1] for array in arrays]).tolist()
        firsts = [0] * len(sentences)
        for plan, begin in zip(plans, [0, *ends[:-1]], strict=True):
            for row, positions in enumerate(plan.rows):
                slot = begin + row * plan.length
                for position in positions:
                    firsts[position] = slot
                    slot += len(sentences[position])
        flat = np.concatenate([array.reshape(-1, array.shape[-1]) for array in arrays])
        self(flat, sentences, firsts, documents)
        parts = np.split(flat, ends[:-1])
        return [part.reshape(array.shape) for part, array in zip(parts, arrays, strict=True)]

    def __call__(
        self,
        scores: Float32[np.ndarray, "slots tags"],
        sentences: Sequence[Sequence[str]],
        first_slots: Iterable[int],
        documents: Iterable[int],
    ) -> None:
        """Change `scores` in place.

        Args:
            scores: of each tag at each token, in nats, the tokens of a sentence one after another.
            sentences: their tokens.
            first_slots: where in `scores` each sentence begins.
            documents: the number of the document that each is of.
        """
        slots: list[int] = []
        groups: list[int] = []
        weights: list[float] = []
        numbers: dict[tuple[int, str], int] = {}
        for tokens, first, document in zip(sentences, first_slots, documents, strict=True):
            for slot, token in enumerate(tokens, first):
                if found := self._word(token):
                    slots.append(slot)
                    groups.append(numbers.setdefault((document, found[0]), len(numbers)))
                    weights.append(found[1])
        if len(numbers) == len(slots):  # no word occurs twice
            return
        group = np.array(groups)
        sizes = np.bincount(group)
        shared = np.flatnonzero(sizes[group] > 1)
        slot, group, weight = np.array(slots)[shared], group[shared], np.array(weights, np.float32)[shared]
        own = scores[slot]
        sums = np.zeros((len(sizes), scores.shape[1]), np.float32)
        np.add.at(sums, group, own)
        scores[slot] = own + weight[:, None] * (sums[group] / sizes[group, None] - own)

    def _word(self, token: str) -> tuple[str, float] | None:
        """What the occurrences of a word have in common, and its weight; None of a word that shares nothing."""
        try:
            return self._rare[token]
        except KeyError:
            weight = self._strength / (self._strength + self._table.count(token))
            if len(self._rare) >= _MOST:
                self._rare.clear()
            found = self._rare[token] = (token.lower(), weight) if weight >= _LEAST else None
            return found


def document_numbers(ids: Iterable[str | int | None]) -> Int[np.ndarray, " sentences"]:
    """Numbers that are equal for neighbours with the same id; None is like no other."""
    numbers, before = [0], None
    for own in ids:
        numbers.append(numbers[-1] + (own is None or own != before))
        before = own
    return np.array(numbers[1:], np.int64)
