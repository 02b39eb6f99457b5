"""Integers to tags, spans and labels: the way back from what the network gives."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from seqtag.batch import Outputs, Tagged
from seqtag.schemes import convert, split_tag


class ScoredSpan(NamedTuple):
    """A span of tokens, `end` exclusive, and the probability that exactly it, with its label, is in the tagging."""

    label: str
    start: int
    end: int
    score: float


class Prediction(NamedTuple):
    """What the model says of one sentence."""

    tags: list[str]
    """The best tagging, in IOB2; O throughout from a model that does not tag."""
    scores: list[float]
    """The probability of each tag as shown."""
    outside: Float[np.ndarray, " tokens"]
    """The probability that each token is in no span."""
    spans: list[ScoredSpan]
    label_probabilities: Float[np.ndarray, " classes"] | None = None
    """Of each of the model's labels of texts; None from a model that does not label."""
    attention: list[float] | None = None
    """The weight of each token in the label, where the model pools by attention."""


class Slots(NamedTuple):
    """What is said of each token of a batch, one row after another, padding included."""

    time: int
    """Slots of a row."""
    tags: list[str]
    scores: list[float]
    outside: Float[np.ndarray, " slots"]
    spans: list[tuple[str, int, int, float]]
    """Label, first slot, end (exclusive) and probability, in order."""


class Predictions:
    """The sentences of a batch, row by row, each put together when it is asked for.

    What is kept are a few lists for the whole batch. With objects for each sentence, the garbage collector would go
    over those of all that is being tagged, again and again.
    """

    def __init__(
        self,
        lengths: Sequence[Sequence[int]],
        slots: Slots,
        label_probabilities: Float[np.ndarray, "batch sentences classes"] | None = None,
        attention: Float[np.ndarray, "batch time"] | None = None,
    ) -> None:
        """`lengths` are of the sentences of each row, in tokens; all else may be of more rows, which are padding."""
        self._slots = slots
        self._label_probabilities = label_probabilities
        self._attention = None if attention is None else attention.ravel()
        self._firsts: list[int] = []
        self._ends: list[int] = []
        self._places: list[tuple[int, int]] = []
        """Row, and number in it."""
        for row, row_lengths in enumerate(lengths):
            first = row * slots.time
            for number, length in enumerate(row_lengths):
                self._firsts.append(first)
                self._places.append((row, number))
                first += length
                self._ends.append(first)
        starts = [start for _, start, _, _ in slots.spans]
        self._span_firsts = np.searchsorted(starts, self._firsts).tolist()
        self._span_ends = np.searchsorted(starts, self._ends).tolist()

    def __len__(self) -> int:
        return len(self._firsts)

    def __iter__(self) -> Iterator[Prediction]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, index: int) -> Prediction:
        slots, first, end = self._slots, self._firsts[index], self._ends[index]
        spans = [
            ScoredSpan(label, start - first, stop - first, score)
            for label, start, stop, score in slots.spans[self._span_firsts[index] : self._span_ends[index]]
        ]
        found = Prediction(slots.tags[first:end], slots.scores[first:end], slots.outside[first:end], spans)
        if self._label_probabilities is None:
            return found
        attention = None if self._attention is None else self._attention[first:end].tolist()
        return found._replace(label_probabilities=self._label_probabilities[self._places[index]], attention=attention)


class OutputDecoder:
    """Reads whole batches at once: what is left for each sentence is to cut pieces out of lists."""

    def __init__(self, tags: Sequence[str]) -> None:
        """`tags` are the model's, in IOB2 or BIOES."""
        split = [split_tag(tag) for tag in tags]
        self._shown = np.array([convert([tag], "IOB2")[0] if tag[0] not in "IE" else f"I-{tag[2:]}" for tag in tags])
        self._shown = self._shown.astype(object)  # the same strings again and again, not a new one for each token
        self._labels = np.array([label for _, label in split], dtype=object)
        self._begins = np.array([prefix in "BS" for prefix, _ in split])
        self._inside = np.array([prefix in "IE" for prefix, _ in split])

    def sentences(self, lengths: Sequence[Sequence[int]], outputs: Outputs) -> Predictions:
        """The sentences of a batch, row by row.

        Args:
            lengths: of the sentences of each row, in tokens; further rows of `outputs` are padding.
            outputs: arrays of numpy.
        """
        if outputs.tagged is None:
            time = max(map(sum, lengths)) if outputs.attention is None else outputs.attention.shape[1]
            count = len(lengths) * time
            slots = Slots(time, ["O"] * count, [1.0] * count, np.ones(count, np.float32), [])
        else:
            slots = self._slots(outputs.tagged)
        if outputs.label_scores is None:
            return Predictions(lengths, slots)
        return Predictions(lengths, slots, np.exp(outputs.label_scores), outputs.attention)

    def tagged_sentences(self, lengths: Sequence[Sequence[int]], tagged: Tagged) -> Predictions:
        """The same from well-formed taggings alone."""
        return Predictions(lengths, self._slots(tagged))

    def _slots(self, tagged: Tagged) -> Slots:
        flat = tagged.tags.ravel()
        starts, ends, scores = self._spans(flat, tagged)
        labels = self._labels[flat[starts]].tolist()
        return Slots(
            time=tagged.tags.shape[1],
            tags=self._shown[flat].tolist(),
            scores=tagged.scores.ravel().tolist(),
            outside=tagged.outside.ravel(),
            spans=list(zip(labels, starts.tolist(), ends.tolist(), scores.tolist(), strict=True)),
        )

    def _spans(
        self, flat: Int[np.ndarray, " slots"], tagged: Tagged
    ) -> tuple[Int[np.ndarray, " spans"], Int[np.ndarray, " spans"], Float[np.ndarray, " spans"]]:
        """Start, end and probability of every span of a batch, positions counted over all its rows."""
        begins, inside = self._begins[flat], self._inside[flat]
        starts = np.flatnonzero(begins)
        goes_on = np.append(inside[1:], False)
        ends = np.flatnonzero((begins | inside) & ~goes_on) + 1
        links = np.cumsum(tagged.links, dtype=np.float64)
        inner = links[ends - 1] - links[starts] + tagged.closes.ravel()[ends - 1]
        return starts, ends, np.minimum(tagged.marginals.ravel()[starts] * np.exp(inner), 1.0)
