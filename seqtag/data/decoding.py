"""Integers to tags, spans and labels: the way back from what the network gives."""

from collections.abc import Sequence
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


class OutputDecoder:
    """Reads whole batches at once: what is done for each sentence is to cut pieces out of lists."""

    def __init__(self, tags: Sequence[str]) -> None:
        """`tags` are the model's, in IOB2 or BIOES."""
        split = [split_tag(tag) for tag in tags]
        self._shown = np.array([convert([tag], "IOB2")[0] if tag[0] not in "IE" else f"I-{tag[2:]}" for tag in tags])
        self._shown = self._shown.astype(object)  # the same strings again and again, not a new one for each token
        self._labels = np.array([label for _, label in split], dtype=object)
        self._begins = np.array([prefix in "BS" for prefix, _ in split])
        self._inside = np.array([prefix in "IE" for prefix, _ in split])

    def sentences(self, lengths: Sequence[Sequence[int]], outputs: Outputs) -> list[Prediction]:
        """The sentences of a batch, row by row.

        Args:
            lengths: of the sentences of each row, in tokens; further rows of `outputs` are padding.
            outputs: arrays of numpy.
        """
        if outputs.tagged is None:
            found = [
                Prediction(["O"] * length, [1.0] * length, np.ones(length, np.float32), [])
                for row_lengths in lengths
                for length in row_lengths
            ]
        else:
            found = self.tagged_sentences(lengths, outputs.tagged)
        if outputs.label_scores is None:
            return found
        probabilities = np.exp(np.asarray(outputs.label_scores))
        places = [(row, number) for row, row_lengths in enumerate(lengths) for number in range(len(row_lengths))]
        found = [
            one._replace(label_probabilities=probabilities[row, number])
            for one, (row, number) in zip(found, places, strict=True)
        ]
        if outputs.attention is None:
            return found
        weights = np.asarray(outputs.attention)
        firsts = [np.cumsum([0, *row_lengths]) for row_lengths in lengths]
        return [
            one._replace(attention=weights[row, firsts[row][number] : firsts[row][number + 1]].tolist())
            for one, (row, number) in zip(found, places, strict=True)
        ]

    def tagged_sentences(self, lengths: Sequence[Sequence[int]], tagged: Tagged) -> list[Prediction]:
        """The same from well-formed taggings alone."""
        ids = np.asarray(tagged.tags)
        time = ids.shape[1]
        flat = ids.ravel()
        tags, scores = self._shown[flat].tolist(), np.asarray(tagged.scores).ravel().tolist()
        outside = np.asarray(tagged.outside).ravel()
        starts, ends, span_scores = self._spans(flat, tagged)
        labels = self._labels[flat[starts]].tolist()
        spans = list(zip(labels, starts.tolist(), ends.tolist(), span_scores.tolist(), strict=True))
        sentences, taken = [], 0
        for row, row_lengths in enumerate(lengths):
            first = row * time
            for length in row_lengths:
                last = first + length
                own = []
                while taken < len(spans) and spans[taken][1] < last:
                    label, start, end, score = spans[taken]
                    own.append(ScoredSpan(label, start - first, end - first, score))
                    taken += 1
                sentences.append(Prediction(tags[first:last], scores[first:last], outside[first:last], own))
                first = last
        return sentences

    def _spans(
        self, flat: Int[np.ndarray, " slots"], tagged: Tagged
    ) -> tuple[Int[np.ndarray, " spans"], Int[np.ndarray, " spans"], Float[np.ndarray, " spans"]]:
        """Start, end and probability of every span of a batch, positions counted over all its rows."""
        begins, inside = self._begins[flat], self._inside[flat]
        starts = np.flatnonzero(begins)
        goes_on = np.append(inside[1:], False)
        ends = np.flatnonzero((begins | inside) & ~goes_on) + 1
        links = np.cumsum(np.asarray(tagged.links, np.float64))
        inner = links[ends - 1] - links[starts] + np.asarray(tagged.closes).ravel()[ends - 1]
        return starts, ends, np.minimum(np.asarray(tagged.marginals).ravel()[starts] * np.exp(inner), 1.0)
