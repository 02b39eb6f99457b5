"""How far confidence can be believed: the expected calibration error of predicted entities."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqtag.data.decoding import ScoredSpan
from seqtag.schemes import Span, tags_to_spans

BINS = 15
"""Of equal width, as in Guo et al. 2017."""


def calibration(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[ScoredSpan]]) -> dict[str, Any]:
    """The `calibration` of one split of `report.json`, over all predicted entities.

    `ece` is the expected calibration error (Naeini et al. 2015; Guo et al. 2017, section 2): the mean, over entities,
    of the distance between mean score and precision of their bin. `bins` holds those that are not empty: `count`, mean
    `score`, and `precision`, the share that gold has with the same span and label. `ece` is None without entities.

    Args:
        gold: tags of each sentence, in any scheme.
        predicted: the spans found in each sentence.
    """
    scores, correct = [], []
    for tags, spans in zip(gold, predicted, strict=True):
        real = set(tags_to_spans(tags))
        for span in spans:
            scores.append(span.score)
            correct.append(Span(span.label, span.start, span.end) in real)
    score, right = np.array(scores, np.float64), np.array(correct, np.float64)
    bin_of = np.minimum((score * BINS).astype(int), BINS - 1)
    bins = []
    for index in np.unique(bin_of).tolist():
        own = bin_of == index
        bins.append(
            {
                "low": index / BINS,
                "high": (index + 1) / BINS,
                "count": int(own.sum()),
                "score": float(score[own].mean()),
                "precision": float(right[own].mean()),
            }
        )
    gaps = [one["count"] * abs(one["score"] - one["precision"]) for one in bins]
    return {"ece": sum(gaps) / len(scores) if scores else None, "entities": len(scores), "bins": bins}
