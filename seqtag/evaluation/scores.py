"""Span scores: strict figures and the lenient ones of conlleval by seqeval, and their bootstrap interval.

Tags come in IOB2. *Strict* is seqeval with `mode="strict"` and `scheme=IOB2`: a span counts only where its tags are
well-formed. *Conlleval* is seqeval's default, which reads ill-formed tags as the CoNLL-2000 scorer does.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from seqtag.schemes import Span, tags_to_spans

Tags = Sequence[Sequence[str]]

_ZERO_DIVISION: dict[str, Any] = {"zero_division": 0}
"""A label without a span scores 0, without a warning (seqeval's annotation knows only its default, a string)."""
_ALL = "micro avg"
"""seqeval's name for all labels together."""
_DRAWN = 2**20
"""Sentences drawn at a time for the bootstrap, so that memory stays bounded."""


class SpanCounts(NamedTuple):
    """Spans of each sentence: in both, predicted, gold."""

    correct: Int[np.ndarray, " sentences"]
    predicted: Int[np.ndarray, " sentences"]
    gold: Int[np.ndarray, " sentences"]


def count_spans(gold: Tags, predicted: Tags) -> SpanCounts:
    """Counts a sentence, for well-formed tags. Raises ValueError where the lengths differ."""
    counts = np.zeros((3, len(gold)), np.int64)
    for index, (gold_tags, predicted_tags) in enumerate(zip(gold, predicted, strict=True)):
        if len(gold_tags) != len(predicted_tags):
            raise ValueError(f"sentence {index}: {len(gold_tags)} gold tags and {len(predicted_tags)} predicted ones")
        gold_spans, predicted_spans = set(tags_to_spans(gold_tags)), set(tags_to_spans(predicted_tags))
        counts[:, index] = len(gold_spans & predicted_spans), len(predicted_spans), len(gold_spans)
    return SpanCounts(*counts)


def span_f1(gold: Tags, predicted: Tags) -> float:
    """Strict F1 of well-formed tags, without seqeval: for every epoch. 0 where there are no spans."""
    counts = count_spans(gold, predicted)
    return float(f1_of(counts.correct.sum(), counts.predicted.sum(), counts.gold.sum()))


def f1_of(correct: Any, predicted: Any, gold: Any) -> Any:
    """F1 from counts, or from arrays of counts; 0 where there are no spans."""
    return 2.0 * correct / np.maximum(predicted + gold, 1)


def f1_interval(counts: SpanCounts, samples: int, seed: int = 0) -> tuple[float, float]:
    """The 95 % percentile interval of F1 over sentences drawn with replacement.

    Efron and Tibshirani 1993, chapter 13. (0, 0) where there is no sentence.
    """
    sentences = len(counts.gold)
    if sentences == 0:
        return 0.0, 0.0
    table = np.stack(counts, axis=1).astype(np.float64)
    scores = [f1_of(*(times @ table).T) for times in resamples(sentences, samples, seed)]
    low, high = np.percentile(np.concatenate(scores), [2.5, 97.5])
    return float(low), float(high)


def resamples(sentences: int, samples: int, seed: int) -> Iterator[Int[np.ndarray, "chunk sentences"]]:
    """How often each sentence is drawn in each resample, in chunks: sums over a resample are then one product."""
    rng = np.random.default_rng(seed)
    chunk = max(1, _DRAWN // sentences)
    for start in range(0, samples, chunk):
        draws = rng.integers(0, sentences, (min(chunk, samples - start), sentences))
        yield np.stack([np.bincount(draw, minlength=sentences) for draw in draws])


def score_tags(
    gold: Tags,
    predicted: Tags,
    known_labels: Collection[str],
    repaired: int = 0,
    bootstrap_samples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """One split of `report.json`.

    Args:
        gold: IOB2 tags of each sentence.
        predicted: the same, of the model.
        known_labels: labels that the model can predict; gold spans of others are counted, and are misses.
        repaired: gold tags that reading changed.
        bootstrap_samples: resamples behind `f1_ci95`.
        seed: of the resampling.
    """
    counts = count_spans(gold, predicted)
    strict, lenient = _seqeval(gold, predicted)
    spans: list[Span] = [span for tags in gold for span in tags_to_spans(tags)]
    unseen = Counter(span.label for span in spans)
    for label in known_labels:
        del unseen[label]
    tokens = sum(map(len, gold))
    equal = sum(
        own == other
        for gold_tags, predicted_tags in zip(gold, predicted, strict=True)
        for own, other in zip(gold_tags, predicted_tags, strict=True)
    )
    micro = strict.pop(_ALL)
    found = Counter(span.label for tags in predicted for span in tags_to_spans(tags))
    per_label = {label: {**figures, "predicted": found[label]} for label, figures in strict.items()}
    return {
        "f1": micro["f1"],
        "precision": micro["precision"],
        "recall": micro["recall"],
        "accuracy": equal / tokens if tokens else 0.0,
        "scoring": "strict",
        "conlleval": {name: lenient[_ALL][name] for name in ("f1", "precision", "recall")},
        "per_label": per_label,
        "f1_ci95": list(f1_interval(counts, bootstrap_samples, seed)),
        "sentences": len(gold),
        "tokens": tokens,
        "entities": len(spans),
        "repaired": repaired,
        "unseen_labels": sum(unseen.values()),
    }


def _seqeval(gold: Tags, predicted: Tags) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """F1, precision, recall and support by label and for all of them (`_ALL`), strict and lenient."""
    labels = sorted({tag[2:] for tags in (*gold, *predicted) for tag in tags if tag != "O"})
    if not labels:
        nothing = {_ALL: {"f1": 0.0, "precision": 0.0, "recall": 0.0, "support": 0}}
        return nothing.copy(), nothing
    # Imported here: it pulls in scikit-learn, which training does not need until the end.
    from seqeval.metrics import classification_report
    from seqeval.scheme import IOB2

    # By numbers: of a label that begins or ends with a hyphen seqeval would not see the hyphen.
    numbers = {label: f"{number:06}" for number, label in enumerate(labels)}
    sides = [
        [[tag if tag == "O" else tag[:2] + numbers[tag[2:]] for tag in tags] for tags in side]
        for side in (gold, predicted)
    ]

    def figures(**mode: Any) -> dict[str, dict[str, float]]:
        report: Any = classification_report(sides[0], sides[1], output_dict=True, **mode, **_ZERO_DIVISION)
        return {
            labels[int(name)] if name.isdigit() else name: {
                "f1": float(own["f1-score"]),
                "precision": float(own["precision"]),
                "recall": float(own["recall"]),
                "support": int(own["support"]),
            }
            for name, own in report.items()
            if name not in ("macro avg", "weighted avg")
        }

    # The scheme must be named with the mode: elsewhere seqeval is silently lenient without one.
    return figures(mode="strict", scheme=IOB2), figures()
