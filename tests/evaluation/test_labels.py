"""Scores of labels against hand-made cases and scikit-learn's own definitions."""

import json
import math

import numpy as np
import pytest

from seqtag.evaluation.labels import decide, score_labels
from seqtag.evaluation.targets import score_targets

CLASSES = ("neg", "neu", "pos")


def probabilities(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_one_label_a_text() -> None:
    gold = [["pos"], ["neg"], ["neg"], ["pos"], None]
    rows = probabilities((0.1, 0.1, 0.8), (0.7, 0.1, 0.2), (0.2, 0.2, 0.6), (0.1, 0.2, 0.7), (1, 0, 0))
    scores = score_labels(gold, rows, CLASSES, False, bootstrap_samples=100)
    assert scores["accuracy"] == scores["micro_f1"] == 0.75
    # pos: precision 2/3, recall 1; neg: precision 1, recall 1/2; neu neither occurs nor is predicted.
    assert scores["per_label"]["pos"]["f1"] == pytest.approx(0.8)
    assert scores["per_label"]["neg"]["f1"] == pytest.approx(2 / 3)
    assert set(scores["per_label"]) == {"neg", "pos"}
    assert scores["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert scores["log_loss"] == pytest.approx(-np.mean(np.log([0.8, 0.7, 0.2, 0.7])), rel=1e-5)
    assert scores["confusion"]["neg"] == {"neg": 1, "pos": 1}
    assert (scores["texts"], scores["without_label"], scores["unseen_labels"]) == (4, 1, 0)
    low, high = scores["accuracy_ci95"]
    assert 0 < low < 0.75 < high <= 1
    assert scores["calibration"]["count"] == 4
    json.dumps(scores)


def test_a_label_that_the_model_lacks_is_an_error_and_counted() -> None:
    scores = score_labels([["new"], ["pos"]], probabilities((0, 0, 1), (0, 0, 1)), CLASSES, False)
    assert (scores["accuracy"], scores["unseen_labels"]) == (0.5, 1)
    assert scores["per_label"]["new"] == {"precision": 0, "recall": 0, "f1": 0, "support": 1, "predicted": 0}
    assert scores["confusion"]["new"] == {"pos": 1}
    assert math.isfinite(scores["log_loss"])


def test_several_labels_a_text() -> None:
    gold = [["neg", "pos"], [], ["neu"]]
    rows = probabilities((0.9, 0.1, 0.6), (0.2, 0.3, 0.1), (0.1, 0.4, 0.9))
    assert [decide(row, CLASSES, True) for row in rows] == [["neg", "pos"], [], ["pos"]]
    scores = score_labels(gold, rows, CLASSES, True)
    assert scores["accuracy"] == pytest.approx(2 / 3)  # exactly the right ones
    assert scores["micro_f1"] == pytest.approx(2 * 2 / (3 + 3))
    assert "confusion" not in scores
    expected = [
        -math.log(0.9) - math.log(0.9) - math.log(0.6),
        -math.log(0.8) - math.log(0.7) - math.log(0.9),
        -math.log(0.9) - math.log(0.4) - math.log(0.1),
    ]
    assert scores["log_loss"] == pytest.approx(np.mean(expected), rel=1e-5)
    assert scores["calibration"]["count"] == 9


def test_the_only_label_of_a_model_is_scored_by_the_texts_that_have_it() -> None:
    """Not by those that lack it, which are another class to scikit-learn."""
    rows = probabilities((0.9,), (0.1,), (0.2,), (0.3,), (0.1,))
    scores = score_labels([["x"], ["x"], [], [], []], rows, ("x",), True)
    assert scores["per_label"] == {"x": {"precision": 1, "recall": 0.5, "f1": 2 / 3, "support": 2, "predicted": 1}}
    assert scores["macro_f1"] == scores["micro_f1"] == 2 / 3


def test_no_text_has_a_label() -> None:
    scores = score_labels([None], probabilities((1, 0, 0)), CLASSES, False)
    assert (scores["accuracy"], scores["log_loss"], scores["texts"]) == (0.0, None, 0)


def test_finding_and_judging_are_scored_apart() -> None:
    gold = [["B-POS", "I-POS", "O", "B-NEG"], ["B-NEU", "O"]]
    predicted = [["B-NEG", "I-NEG", "O", "B-NEG"], ["O", "B-NEU"]]
    scores = score_targets(gold, predicted)
    assert scores["finding"]["f1"] == scores["finding"]["precision"] == pytest.approx(2 / 3)
    assert scores["judging"] == {"accuracy": 0.5, "found": 2}
    nothing = score_targets([["O"]], [["O"]])
    assert nothing["judging"] == {"accuracy": None, "found": 0}
