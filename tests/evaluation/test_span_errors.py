"""Kinds of errors: worked examples by hand, and what must hold for any tagging."""

from hypothesis import given
from hypothesis import strategies as st

from seqtag.evaluation.scores import span_f1
from seqtag.evaluation.span_errors import Match, analyse_errors, match_spans
from seqtag.schemes import Span, repair

TAGS = ["O", "B-A", "I-A", "B-B", "I-B"]


def kinds(gold: str, predicted: str) -> list[str]:
    return [match.kind for match in match_spans(gold.split(), predicted.split())]


def test_each_kind_is_told_apart() -> None:
    assert kinds("B-A I-A O", "B-A I-A O") == ["correct"]
    assert kinds("B-A I-A O", "B-B I-B O") == ["label"]
    assert kinds("B-A I-A O", "O B-A I-A") == ["boundary"]
    assert kinds("B-A I-A O", "O B-B I-B") == ["boundary_and_label"]
    assert kinds("B-A I-A O", "O O O") == ["missed"]
    assert kinds("B-A I-A O", "O O B-A") == ["missed", "spurious"]


def test_equal_places_are_matched_before_larger_overlaps_and_each_span_once() -> None:
    assert kinds("B-A I-A I-A I-A", "B-A I-A B-A I-A") == ["boundary", "spurious"]
    gold, predicted = "B-A I-A I-A B-B".split(), "B-A B-A I-A B-A".split()
    assert match_spans(gold, predicted) == [
        Match(Span("A", 0, 3), Span("A", 1, 3)),
        Match(None, Span("A", 0, 1)),
        Match(Span("B", 3, 4), Span("A", 3, 4)),
    ]


def test_the_four_ways_of_semeval_2013() -> None:
    gold = ["B-A O B-A I-A O B-B O O".split()]
    predicted = ["B-A O B-A O O B-A O B-B".split()]  # correct, boundary, label, spurious
    found = analyse_errors(gold, predicted, [list("abcdefgh")], frozenset({("a", "A"), ("f", "A")}))
    assert {way: row["precision"] for way, row in found["matching"].items()} == {
        "strict": 1 / 4,
        "exact": 2 / 4,
        "partial": 2.5 / 4,
        "type": 2 / 4,
    }
    assert {way: row["recall"] for way, row in found["matching"].items()} == {
        "strict": 1 / 3,
        "exact": 2 / 3,
        "partial": 2.5 / 3,
        "type": 2 / 3,
    }
    assert found["confusion"] == {"A": {"A": 2}, "B": {"A": 1}, "(none)": {"B": 1}}
    assert found["seen"] == {"entities": 1, "recall": 1.0}
    assert found["unseen"] == {"entities": 2, "recall": 0.0}  # the text of f is known, its label is another
    assert found["by_length"] == [{"from": 6, "to": 10, "sentences": 1, "entities": 3, "f1": 2 / 7}]


sentence = st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), min_size=1, max_size=12)


@given(st.lists(sentence, min_size=1, max_size=4))
def test_counts_add_up_and_strict_is_the_score(made: list[list[tuple[str, str]]]) -> None:
    gold = [repair([tag for tag, _ in pairs], "IOB2")[0] for pairs in made]
    predicted = [repair([tag for _, tag in pairs], "IOB2")[0] for pairs in made]
    found = analyse_errors(gold, predicted, [["w"] * len(tags) for tags in gold], frozenset())
    assert abs(found["matching"]["strict"]["f1"] - span_f1(gold, predicted)) < 1e-12
    assert "seen" not in analyse_errors(gold, predicted, [["w"] * len(tags) for tags in gold], None)
    own = sum(tag[0] == "B" for tags in gold for tag in tags)
    assert own == found["seen"]["entities"] + found["unseen"]["entities"]
    assert own == sum(
        count for row, columns in found["confusion"].items() if row != "(none)" for count in columns.values()
    )
    assert sum(found["kinds"].values()) == sum(sum(columns.values()) for columns in found["confusion"].values())
    assert sum(row["sentences"] for row in found["by_length"]) == len(made)
