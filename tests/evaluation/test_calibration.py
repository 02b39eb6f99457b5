"""Calibration: what is right as often as it says has no error."""

from itertools import chain

import numpy as np
import pytest

from seqtag.decoding.outputs import ScoredSpan
from seqtag.evaluation.calibration import calibrate_spans


def sentences(right: int, wrong: int, score: float) -> tuple[list[list[str]], list[list[ScoredSpan]]]:
    gold = [["B-A", "O"]] * right + [["B-B", "O"]] * wrong
    return gold, [[ScoredSpan("A", 0, 1, score)]] * (right + wrong)


def test_scores_that_are_right_as_often_as_they_say_have_no_error() -> None:
    parts = [sentences(8, 2, 0.8), sentences(1, 3, 0.25), sentences(5, 0, 1.0)]
    found = calibrate_spans(*(list(chain(*part)) for part in zip(*parts, strict=True)))
    assert found["ece"] == pytest.approx(0.0)
    assert found["count"] == sum(one["count"] for one in found["bins"]) == 19
    assert [one["precision"] for one in found["bins"]] == [0.25, 0.8, 1.0]
    assert all(one["low"] <= one["score"] <= one["high"] for one in found["bins"])


def test_the_error_is_the_mean_distance_over_entities() -> None:
    parts = [sentences(1, 3, 0.95), sentences(3, 1, 0.5)]
    found = calibrate_spans(*(list(chain(*part)) for part in zip(*parts, strict=True)))
    assert found["ece"] == pytest.approx((4 * (0.95 - 0.25) + 4 * (0.75 - 0.5)) / 8)


def test_span_and_label_must_both_be_right() -> None:
    gold = [["B-A", "I-A", "O"]]
    for span in (ScoredSpan("A", 0, 1, 1.0), ScoredSpan("B", 0, 2, 1.0)):
        assert calibrate_spans(gold, [[span]])["ece"] == pytest.approx(1.0)
    assert calibrate_spans(gold, [[ScoredSpan("A", 0, 2, 1.0)]])["ece"] == pytest.approx(0.0)


def test_without_entities_there_is_none() -> None:
    assert calibrate_spans([["B-A"]], [[]]) == {"ece": None, "count": 0, "bins": []}


def test_against_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    scores, right = rng.random(500), rng.random(500) < 0.6
    gold = [["B-A"] if one else ["O"] for one in right]
    found = calibrate_spans(gold, [[ScoredSpan("A", 0, 1, float(score))] for score in scores])
    expected = 0.0
    for low in range(15):
        own = [index for index, score in enumerate(scores) if low / 15 <= score < (low + 1) / 15]
        if own:
            expected += abs(sum(scores[own]) - sum(right[own])) / 500
    assert found["ece"] == pytest.approx(expected)
