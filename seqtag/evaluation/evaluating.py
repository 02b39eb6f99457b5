"""One part of a corpus, predicted and scored: the same for a run's epochs, its end, and for a saved model."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from seqtag.data.schema import Findings
from seqtag.data.split import Sentences, Split
from seqtag.decoding.outputs import Prediction
from seqtag.evaluation.calibration import calibrate_spans
from seqtag.evaluation.labels import decide, score_labels
from seqtag.evaluation.predictor import Predictor
from seqtag.evaluation.reports import SELECTION
from seqtag.evaluation.scores import score_tags, span_f1
from seqtag.evaluation.span_errors import analyse_errors
from seqtag.evaluation.targets import score_targets
from seqtag.vocabulary import Vocabulary


class Evaluated(NamedTuple):
    """Predictions for a part and what they are worth."""

    predicted: list[Prediction]
    """Of each sentence."""
    scores: dict[str, Any]
    """The part's entry in `report.json`."""


def evaluate_split(
    predictor: Predictor,
    params: Any,
    constants: Any,
    split: Split,
    role: str,
    findings: Findings,
    bootstrap_samples: int = 1000,
    seen_spans: frozenset[tuple[str, str]] | None = None,
) -> Evaluated:
    """Predict every sentence of a part and score the predictions; `seen_spans` are the training part's, where known."""
    vocabulary = predictor.table.vocabulary
    predicted = predictor.predict(params, constants, split)
    gold = split[range(len(split))]
    scores: dict[str, Any] = {}
    if vocabulary.tags:
        tags = [sentence.tags for sentence in predicted]
        scores = score_tags(gold.tags, tags, vocabulary.labels, findings.repaired, bootstrap_samples)
        scores["targets"] = score_targets(gold.tags, tags)
        scores["errors"] = analyse_errors(gold.tags, tags, gold.tokens, seen_spans)
        scores["calibration"] = calibrate_spans(gold.tags, [sentence.spans for sentence in predicted])
    if vocabulary.classes:
        of_labels = score_labels(
            gold.labels, _probabilities(predicted), vocabulary.classes, vocabulary.multi_label, bootstrap_samples
        )
        if not vocabulary.tags:
            scores = {**of_labels, "sentences": len(split), "tokens": int(split.lengths.sum())}
        else:
            right = _wholly_right(gold, predicted, vocabulary)
            scores |= {
                "label_accuracy": of_labels["accuracy"],
                "sentence_accuracy": sum(right) / max(1, len(right)),
                "labels": of_labels,
            }
    return Evaluated(predicted, {**scores, "used_for_selection": role == SELECTION})


def quick_scores(gold: Sentences, predicted: Sequence[Prediction], vocabulary: Vocabulary) -> dict[str, float]:
    """What is looked at after every epoch; `selection` is what the kept model is chosen by.

    That is strict span F1, or of labels the share of texts with exactly the right ones, or the mean of the two.
    """
    scores: dict[str, float] = {}
    if vocabulary.tags:
        scores["f1"] = span_f1(gold.tags, [sentence.tags for sentence in predicted])
    if vocabulary.classes:
        given = _given(predicted, vocabulary)
        pairs = [(own, sorted(labels)) for own, labels in zip(given, gold.labels, strict=True) if labels is not None]
        scores["label_accuracy"] = sum(own == labels for own, labels in pairs) / max(1, len(pairs))
    return {**scores, "selection": sum(scores.values()) / len(scores)}


def _probabilities(predicted: Sequence[Prediction]) -> np.ndarray:
    return np.array([sentence.label_probabilities for sentence in predicted], np.float32)


def _given(predicted: Sequence[Prediction], vocabulary: Vocabulary) -> list[list[str]]:
    return [sorted(decide(row, vocabulary.classes, vocabulary.multi_label)) for row in _probabilities(predicted)]


def _wholly_right(gold: Sentences, predicted: Sequence[Prediction], vocabulary: Vocabulary) -> list[bool]:
    """For each sentence whose labels are known, whether they and every span are right."""
    return [
        sorted(labels) == own and tags == sentence.tags
        for labels, own, tags, sentence in zip(
            gold.labels, _given(predicted, vocabulary), gold.tags, predicted, strict=True
        )
        if labels is not None
    ]
