"""How far confidence can be believed: the expected calibration error."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqtag.decoding.outputs import ScoredSpan
from seqtag.schemes import Span, tags_to_spans

BINS = 15
"""Of equal width, as in Guo et al. 2017."""


def calibrate(scores: Sequence[float], correct: Sequence[bool]) -> dict[str, Any]:
    """Expected calibration error of probabilities that something is right, and the bins behind it.

    `ece` is the mean, over all, of the distance between mean score and share of right ones in their bin (Naeini et al.
    2015; Guo et al. 2017, section 2), None where there are none. `bins` holds those that are not empty: their ends
    `low` and `high`, `count`, mean `score`, and `precision`, the share that is right.
    """
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
    return {"ece": sum(gaps) / len(scores) if scores else None, "count": len(scores), "bins": bins}


def calibrate_spans(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[ScoredSpan]]) -> dict[str, Any]:
    """Calibration of predicted spans: right is what gold has too, with the same label.

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
    return calibrate(scores, correct)
