"""Our counts are seqeval's, strict means strict, and the interval is what resampling gives."""

import math
import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2

from seqtag.evaluation.scores import SpanCounts, count_spans, f1_interval, score_tags, span_f1
from seqtag.schemes import convert

LABELS = ["PER", "LOC", "fromloc.city_name", "B-side"]
TAGS = ["O", *(f"{prefix}-{label}" for label in LABELS for prefix in "BI")]


Pairs = list[list[tuple[str, str]]]


def _pairs() -> st.SearchStrategy[Pairs]:
    """A gold and a predicted tag a token, the same ones as often as not; not yet well-formed."""
    tag = st.sampled_from(TAGS)
    token = tag.map(lambda both: (both, both)) | st.tuples(tag, tag)
    return st.lists(st.lists(token, min_size=1, max_size=6), min_size=1, max_size=5)


def _well_formed(pairs: Pairs) -> tuple[list[list[str]], list[list[str]]]:
    gold, predicted = ([convert([pair[side] for pair in tokens], "IOB2") for tokens in pairs] for side in (0, 1))
    return gold, predicted


@settings(max_examples=150)
@given(_pairs())
def test_our_counts_are_those_of_strict_seqeval(pairs: Pairs) -> None:
    gold, predicted = _well_formed(pairs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = f1_score(gold, predicted, mode="strict", scheme=IOB2, zero_division=0)
    assert span_f1(gold, predicted) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=50)
@given(_pairs())
def test_a_report_is_complete_finite_and_agrees_with_itself(pairs: Pairs) -> None:
    gold, predicted = _well_formed(pairs)
    scores = score_tags(gold, predicted, LABELS, bootstrap_samples=20)
    counts = count_spans(gold, predicted)
    assert scores["entities"] == counts.gold.sum() == sum(row["support"] for row in scores["per_label"].values())
    assert counts.predicted.sum() == sum(row["predicted"] for row in scores["per_label"].values())
    assert scores["f1"] == pytest.approx(span_f1(gold, predicted), abs=1e-12)
    assert scores["conlleval"]["f1"] == pytest.approx(scores["f1"], abs=1e-12)  # well-formed: the two agree
    figures = [scores[name] for name in ("f1", "precision", "recall", "accuracy")] + scores["f1_ci95"]
    assert all(type(figure) is float and 0 <= figure <= 1 for figure in figures)
    assert all(math.isfinite(row["f1"]) for row in scores["per_label"].values())


def test_strict_and_lenient_differ_on_an_ill_formed_prediction() -> None:
    scores = score_tags([["B-PER", "O"]], [["I-PER", "O"]], ["PER"], bootstrap_samples=10)
    assert scores["scoring"] == "strict"
    assert (scores["f1"], scores["conlleval"]["f1"]) == (0.0, 1.0)


def test_figures_by_hand() -> None:
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["B-ORG", "O"], ["O"]]
    predicted = [["B-PER", "I-PER", "O", "O"], ["B-LOC", "O"], ["B-LOC"]]
    scores = score_tags(gold, predicted, ["PER", "LOC"], repaired=4, bootstrap_samples=10)
    assert (scores["precision"], scores["recall"], scores["f1"]) == (1 / 3, 1 / 3, 1 / 3)
    assert scores["accuracy"] == 4 / 7
    assert scores["per_label"]["LOC"] == {"f1": 0.0, "precision": 0.0, "recall": 0.0, "support": 1, "predicted": 2}
    assert scores["per_label"]["PER"]["f1"] == 1.0
    assert (scores["sentences"], scores["tokens"], scores["entities"], scores["repaired"]) == (3, 7, 3, 4)


def test_hyphens_around_a_label_belong_to_it() -> None:
    scores = score_tags([["B-X-", "B--X", "B-Y-"]], [["B-X", "B--X", "B-Y-"]], ["X-"], bootstrap_samples=10)
    assert {label: figures["f1"] for label, figures in scores["per_label"].items()} == {
        "-X": 1,
        "X": 0,
        "X-": 0,
        "Y-": 1,
    }
    assert scores["f1"] == pytest.approx(2 / 3)


def test_labels_unknown_to_the_model_are_counted_and_are_misses() -> None:
    scores = score_tags([["B-PER", "B-NEW", "B-NEW"]], [["B-PER", "O", "O"]], ["PER"], bootstrap_samples=10)
    assert scores["unseen_labels"] == 2
    assert scores["recall"] == 1 / 3


@pytest.mark.parametrize(
    ("gold", "predicted"),
    [([], []), ([["O"]], [["O"]]), ([["O"]], [["B-PER"]]), ([["B-PER"]], [["O"]])],
    ids=["no sentences", "no spans", "no gold span", "no predicted span"],
)
def test_nothing_to_divide_by_is_zero_and_quiet(gold: list[list[str]], predicted: list[list[str]]) -> None:
    scores = score_tags(gold, predicted, ["PER"], bootstrap_samples=10)
    assert scores["f1"] == scores["precision"] == scores["recall"] == scores["conlleval"]["f1"] == 0.0
    assert scores["f1_ci95"] == [0.0, 0.0]


@pytest.mark.parametrize("predicted", [[["O"]], [["O", "O"], ["O"]]])
def test_predictions_of_another_shape_are_refused(predicted: Sequence[Sequence[str]]) -> None:
    with pytest.raises(ValueError, match=r"predicted ones|shorter|longer"):
        score_tags([["O", "O"]], predicted, [])


def _counts(sentences: int) -> SpanCounts:
    rng = np.random.default_rng(1)
    gold, predicted = rng.integers(0, 4, (2, sentences))
    return SpanCounts(rng.integers(0, np.minimum(gold, predicted) + 1), predicted, gold)


def test_the_interval_is_that_of_drawing_sentences_one_by_one() -> None:
    counts = _counts(40)
    rng = np.random.default_rng(9)
    scores = []
    for _ in range(4000):
        drawn = rng.integers(0, 40, 40)
        correct, predicted, gold = (column[drawn].sum() for column in counts)
        scores.append(2 * correct / (predicted + gold))
    low, high = f1_interval(counts, 4000)
    np.testing.assert_allclose([low, high], np.percentile(scores, [2.5, 97.5]), atol=0.01)


def test_the_interval_repeats_narrows_with_data_and_holds_the_score() -> None:
    counts = _counts(50)
    low, high = f1_interval(counts, 500)
    assert (low, high) == f1_interval(counts, 500)
    score = 2 * counts.correct.sum() / (counts.predicted.sum() + counts.gold.sum())
    assert low < score < high
    more = f1_interval(SpanCounts(*(np.tile(column, 9) for column in counts)), 500)
    assert (more[1] - more[0]) == pytest.approx((high - low) / 3, rel=0.25)


def test_the_interval_does_not_depend_on_how_many_are_drawn_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = _counts(30)
    whole = f1_interval(counts, 100)
    monkeypatch.setattr("seqtag.evaluation.scores._DRAWN", 1)
    assert f1_interval(counts, 100) == whole
