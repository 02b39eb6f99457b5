"""Words that training hardly knew: their occurrences in a document share what each is taken for.

A name is often plain from one sentence of a document and not from another ("LEICESTERSHIRE" heads a table, and bats in
the text). So the scores of such a word's tags are moved towards their mean over the document, case aside:

    scores + weight * (mean - scores),    weight = strength / (strength + count)

with `count` the word's in the training part, so that a word known well is judged by its sentence alone. It is the idea
of Krishnan and Manning (2006) that a token's label elsewhere in its document is evidence, without a second model.
"""

import threading
from array import array
from collections.abc import Iterable, Sequence
from itertools import chain

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
        self._lock = threading.Lock()
        self._forget()

    @classmethod
    def of(cls, table: TokenTable, strength: float) -> "Sharing | None":
        """None where nothing is shared: without strength, and by a model that labels whole texts."""
        return cls(table, strength) if strength and not table.vocabulary.classes else None

    def across(
        self,
        arrays: Sequence[Float32[np.ndarray, "rows time tags"]],
        plans: Sequence[Plan],
        sentences: Sequence[Sequence[str]],
        documents: Sequence[int],
    ) -> list[Float32[np.ndarray, "rows time tags"]]:
        """The scores of batches after sharing; `plans` tell where in them the sentences stand."""
        ends = np.cumsum([own.shape[0] * own.shape[1] for own in arrays]).tolist()
        firsts = [0] * len(sentences)
        for plan, begin in zip(plans, [0, *ends[:-1]], strict=True):
            for row, positions in enumerate(plan.rows):
                slot = begin + row * plan.length
                for position in positions:
                    firsts[position] = slot
                    slot += len(sentences[position])
        flat = np.concatenate([own.reshape(-1, own.shape[-1]) for own in arrays])
        self(flat, sentences, firsts, documents)
        parts = np.split(flat, ends[:-1])
        return [part.reshape(own.shape) for part, own in zip(parts, arrays, strict=True)]

    def __call__(
        self,
        scores: Float32[np.ndarray, "slots tags"],
        sentences: Sequence[Sequence[str]],
        first_slots: Sequence[int],
        documents: Sequence[int],
    ) -> None:
        """Change `scores` in place.

        Args:
            scores: of each tag at each token, in nats, the tokens of a sentence one after another.
            sentences: their tokens.
            first_slots: where in `scores` each sentence begins.
            documents: the number of the document that each is of.
        """
        lengths = np.array([len(tokens) for tokens in sentences], np.int64)
        forms, weights = self._looked_up(chain.from_iterable(sentences))
        places = np.arange(len(forms)) + np.repeat(np.array(first_slots) - (np.cumsum(lengths) - lengths), lengths)
        rare = np.flatnonzero(weights)
        # A number for each word of each document.
        names = np.repeat(np.array(documents, np.int64), lengths)[rare] * (1 + forms.max(initial=0)) + forms[rare]
        _, group, sizes = np.unique(names, return_inverse=True, return_counts=True)
        # Those that occur twice or more, word by word, each word's in order.
        shared = np.flatnonzero(sizes[group] > 1)
        shared = shared[group[shared].argsort(kind="stable")]
        slot, weight, sizes = places[rare[shared]], weights[rare[shared]], sizes[sizes > 1]
        if not len(slot):
            return
        own = scores[slot]
        means = np.add.reduceat(own, np.cumsum(sizes) - sizes) / sizes[:, None]
        scores[slot] = own + weight[:, None] * (means.repeat(sizes, axis=0) - own)

    def _looked_up(self, tokens: Iterable[str]) -> tuple[Int[np.ndarray, " tokens"], Float32[np.ndarray, " tokens"]]:
        """Of each token the number of its form without case, and its weight: 0 where it shares nothing."""
        with self._lock:
            if len(self._rows) >= _MOST:
                self._forget()
            rows = [self._rows.get(token) or self._add(token) for token in tokens]
            return np.frombuffer(self._forms, np.int64)[rows], np.frombuffer(self._weights, np.float32)[rows]

    def _forget(self) -> None:
        self._rows: dict[str, int] = {}
        self._numbers: dict[str, int] = {}
        # By row; no token has row 0.
        self._forms, self._weights = array("q", [0]), array("f", [0.0])

    def _add(self, token: str) -> int:
        weight = self._strength / (self._strength + self._table.count(token))
        row = self._rows[token] = len(self._forms)
        self._forms.append(self._numbers.setdefault(token.lower(), len(self._numbers)))
        self._weights.append(weight if weight >= _LEAST else 0.0)
        return row
