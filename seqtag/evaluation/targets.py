"""Span scores in two parts, as in targeted sentiment: is the target found, and is it judged right?"""

from collections.abc import Sequence
from typing import Any

from seqtag.schemes import Span, tags_to_spans


def score_targets(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Finding targets, whatever their label, and judging those found.

    `finding` holds precision, recall and F1 of spans without their labels; `judging` the share of the gold spans found
    that have the right label, and how many were found.
    """
    found = right = 0
    counts = [0, 0]
    for gold_tags, predicted_tags in zip(gold, predicted, strict=True):
        real, guessed = _by_place(tags_to_spans(gold_tags)), _by_place(tags_to_spans(predicted_tags))
        counts[0] += len(real)
        counts[1] += len(guessed)
        both = real.keys() & guessed.keys()
        found += len(both)
        right += sum(real[place] == guessed[place] for place in both)
    precision, recall = found / max(1, counts[1]), found / max(1, counts[0])
    f1 = 2 * found / max(1, sum(counts))
    return {
        "finding": {"f1": f1, "precision": precision, "recall": recall},
        "judging": {"accuracy": right / found if found else None, "found": found},
    }


def _by_place(spans: Sequence[Span]) -> dict[tuple[int, int], str]:
    return {(span.start, span.end): span.label for span in spans}
