"""Comparisons of runs: seqeval and enumeration are what they are held against."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import f1_score

from seqtag.errors import InputError
from seqtag.evaluation.comparing import compare
from seqtag.evaluation.prediction_files import Judged

TAGS = ["O", "B-A", "B-B"]


def judged(gold: list[str], predicted: list[str]) -> Judged:
    return Judged([f"w{index}" for index in range(len(gold))], gold, predicted, None, None)


@st.composite
def sides(draw: st.DrawFn) -> tuple[list[list[str]], list[list[str]], list[list[str]]]:
    lengths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    first, second, third = (
        [draw(st.lists(st.sampled_from(TAGS), min_size=length, max_size=length)) for length in lengths]
        for _ in range(3)
    )
    return first, second, third


@given(sides())
def test_scores_are_those_of_seqeval_and_the_difference_changes_sign(
    made: tuple[list[list[str]], list[list[str]], list[list[str]]],
) -> None:
    gold, *predicted = made
    a, b = ([judged(*pair) for pair in zip(gold, own, strict=True)] for own in predicted)
    found, turned = compare([a], [b], 200, 3), compare([b], [a], 200, 3)
    row, other = found["measures"]["f1"], turned["measures"]["f1"]
    for name, own in zip("ab", predicted, strict=True):
        assert row[name] == pytest.approx(f1_score(gold, own, zero_division=0))
    assert row["difference"] == pytest.approx(-other["difference"])
    assert row["ci95"] == pytest.approx([-value for value in reversed(other["ci95"])])
    assert row["p_value"] == other["p_value"]
    assert found["identical_predictions"] == (predicted[0] == predicted[1])


def test_interval_and_p_value_are_those_of_all_resamples() -> None:
    gold = [["B-A"], ["B-A"], ["B-A"], ["B-B"]]
    a = [judged(own, [tag]) for own, tag in zip(gold, ["O", "B-A", "O", "B-B"], strict=True)]
    b = [judged(own, [tag]) for own, tag in zip(gold, ["B-A", "B-A", "B-B", "O"], strict=True)]

    def f1(run: list[Judged], drawn: tuple[int, ...]) -> float:
        pairs = [(run[index].gold, run[index].predicted) for index in drawn]
        correct = sum(gold == own for gold, own in pairs)
        spans = sum((gold != ["O"]) + (own != ["O"]) for gold, own in pairs)
        return 2 * correct / spans

    observed = f1(b, (0, 1, 2, 3)) - f1(a, (0, 1, 2, 3))
    every = np.array([f1(b, drawn) - f1(a, drawn) for drawn in product(range(4), repeat=4)])
    row = compare([a], [b], 20_000, 0)["measures"]["f1"]
    assert row["difference"] == pytest.approx(observed)
    assert row["p_value"] == pytest.approx((np.abs(every - observed) >= abs(observed) - 1e-9).mean(), abs=0.02)
    assert row["ci95"] == pytest.approx(np.percentile(every, [2.5, 97.5]).tolist(), abs=0.03)


def test_seeds_count_with_their_mean() -> None:
    right, wrong = [judged(["B-A"], ["B-A"])], [judged(["B-A"], ["O"])]
    row = compare([right, wrong], [right, right], 10, 1)
    assert row["measures"]["f1"]["a"] == 0.5
    assert row["measures"]["f1"]["difference"] == 0.5
    assert row["differing"][0]["errors"] == [0.5, 0]
    assert compare([right, wrong], [right, wrong], 10, 1)["identical_predictions"]


def test_the_sentence_that_differs_most_comes_first() -> None:
    gold = [["B-A"], ["B-A", "B-B"], ["B-A"]]
    a = [judged(own, list(own)) for own in gold]
    b = [judged(gold[0], ["O"]), judged(gold[1], ["B-B", "B-A"]), a[2]]
    found = compare([a], [b], 10, 10)["differing"]
    assert [one["sentence"] for one in found] == [2, 1]
    assert found[0]["errors"] == [0, 4]
    assert found[0]["b"] == "[w0 B] [w1 A]"


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        ([], "has 1 sentences, another 0"),
        ([judged(["O"], ["O"])], "sentence 1 has other tokens or gold"),
        ([Judged(["w0"], ["B-A"], ["O"], None, ["x"])], "different tasks"),
    ],
)
def test_what_cannot_be_compared_is_refused(other: list[Judged], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        compare([[judged(["B-A"], ["O"])]], [other], 10, 1)
