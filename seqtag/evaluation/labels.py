"""Scores of labels of whole texts, by scikit-learn, with a bootstrap interval."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from seqtag.evaluation.calibration import calibrate

_SMALLEST = 1e-7
"""Least probability in the log loss: a label that float32 gives none to costs 16 nats, not infinitely many."""
DECIDED = 0.5
"""From this probability on, a text of several labels has one."""


def decide(probabilities: Float[np.ndarray, " classes"], classes: Sequence[str], multi_label: bool) -> list[str]:
    """The labels that a text is given: the most probable one, or each that is as probable as not."""
    if multi_label:
        return [label for label, probability in zip(classes, probabilities, strict=True) if probability >= DECIDED]
    return [classes[int(probabilities.argmax())]]


def label_scores(scores: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What the scores of a split say of the labels of texts; None of a model that has none."""
    return scores.get("labels", scores if "macro_f1" in scores else None)


def score_labels(
    gold: Sequence[Sequence[str] | None],
    probabilities: Float[np.ndarray, "texts classes"],
    classes: Sequence[str],
    multi_label: bool,
    bootstrap_samples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """The fields of one split of `report.json` that are about labels.

    `accuracy` is the share of texts with exactly the right label or labels; `macro_f1` is the mean over the labels that
    occur in gold or are predicted, `micro_f1` over all decisions; `log_loss` in nats a text, over texts all of whose
    labels the model knows; `confusion` counts texts by gold and predicted label (not with several labels a text).

    Args:
        gold: labels of each text; None where they are not known: such texts are counted and left out.
        probabilities: of each of `classes`, for each text.
        classes: the model's labels.
        multi_label: a text may have several labels or none.
        bootstrap_samples: resamples behind `accuracy_ci95`.
        seed: of the resampling.
    """
    # Imported here: it takes a second, and training does not need it until the end.
    from sklearn.metrics import confusion_matrix, f1_score, precision_recall_fscore_support

    known = [index for index, labels in enumerate(gold) if labels is not None]
    right = [sorted(gold[index] or ()) for index in known]
    values = probabilities[known]
    given = [sorted(decide(row, classes, multi_label)) for row in values]
    names = sorted({*classes, *(label for labels in right for label in labels)})
    true, guessed = _indicators(right, names), _indicators(given, names)
    occurring = np.flatnonzero(true.any(0) | guessed.any(0)).tolist()
    correct = np.array([own == other for own, other in zip(right, given, strict=True)], np.float64)
    unseen = Counter(label for labels in right for label in labels if label not in set(classes))

    def f1(average: str) -> float:
        options: Any = {"labels": occurring, "average": average, "zero_division": 0}
        return float(f1_score(true, guessed, **options)) if occurring else 0.0

    per_class: Any = {"labels": occurring, "zero_division": 0}
    figures: Any = precision_recall_fscore_support(true, guessed, **per_class) if occurring else [()] * 4
    scores = {
        "accuracy": float(correct.mean()) if known else 0.0,
        "accuracy_ci95": _interval(correct, bootstrap_samples, seed),
        "macro_f1": f1("macro"),
        "micro_f1": f1("micro"),
        "log_loss": _log_loss(right, values, classes, multi_label),
        "per_label": {
            names[index]: {
                "precision": float(precision),
                "recall": float(recall),
                "f1": float(score),
                "support": int(support),
                "predicted": int(guessed[:, index].sum()),
            }
            for index, precision, recall, score, support in zip(occurring, *figures, strict=True)
        },
        "texts": len(known),
        "without_label": len(gold) - len(known),
        "unseen_labels": sum(unseen.values()),
        "calibration": _calibration(right, values, classes, multi_label),
    }
    if not multi_label and known:
        matrix = confusion_matrix([one for (one,) in right], [one for (one,) in given], labels=names)
        scores["confusion"] = {
            name: {other: int(count) for other, count in zip(names, row, strict=True) if count}
            for name, row in zip(names, matrix.tolist(), strict=True)
        }
    return scores


def _indicators(labels: Sequence[Sequence[str]], names: Sequence[str]) -> np.ndarray:
    # Two columns at least: of one, scikit-learn would take 0 and 1 for two classes.
    table = np.zeros((len(labels), max(len(names), 2)), np.int8)
    position = {name: index for index, name in enumerate(names)}
    for row, own in zip(table, labels, strict=True):
        row[[position[label] for label in own]] = 1
    return table


def _log_loss(
    right: Sequence[Sequence[str]],
    probabilities: Float[np.ndarray, "texts classes"],
    classes: Sequence[str],
    multi_label: bool,
) -> float | None:
    position = {label: index for index, label in enumerate(classes)}
    losses = []
    for labels, row in zip(right, np.clip(probabilities.astype(np.float64), _SMALLEST, 1 - _SMALLEST), strict=True):
        if all(label in position for label in labels):
            own = [position[label] for label in labels]
            others = np.setdiff1d(np.arange(len(classes)), own) if multi_label else np.zeros(0, int)
            losses.append(-np.log(row[own]).sum() - np.log1p(-row[others]).sum())
    return float(np.mean(losses)) if losses else None


def _calibration(
    right: Sequence[Sequence[str]],
    probabilities: Float[np.ndarray, "texts classes"],
    classes: Sequence[str],
    multi_label: bool,
) -> dict[str, Any]:
    """Of the label given to each text; with several labels a text, of each decision, for a label or against it."""
    scores: list[float] = []
    correct: list[bool] = []
    for labels, row in zip(right, probabilities, strict=True):
        for index in range(len(classes)) if multi_label else [int(row.argmax())]:
            for_it = not multi_label or row[index] >= DECIDED
            scores.append(float(row[index] if for_it else 1 - row[index]))
            correct.append((classes[index] in labels) == for_it)
    return calibrate(scores, correct)


def _interval(correct: Float[np.ndarray, " texts"], samples: int, seed: int) -> list[float]:
    """The 95 % percentile interval of a mean over texts drawn with replacement (Efron and Tibshirani 1993, chapter 13).

    The sum of a resample of zeros and ones is binomial.
    """
    if not len(correct):
        return [0.0, 0.0]
    drawn = np.random.default_rng(seed).binomial(len(correct), correct.mean(), samples) / len(correct)
    return [float(value) for value in np.percentile(drawn, [2.5, 97.5])]
