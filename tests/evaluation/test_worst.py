"""The worst errors of a part as HTML."""

from seqtag.evaluation.prediction_files import Judged
from seqtag.evaluation.worst import worst_errors


def page(*sentences: Judged) -> str:
    return "".join(worst_errors(sentences))


def judged(text: str, gold: str, predicted: str) -> Judged:
    return Judged(text.split(), gold.split(), predicted.split(), None, None)


def test_most_errors_come_first_and_right_sentences_not_at_all() -> None:
    shown = page(
        judged("one", "B-A", "O"), judged("right", "B-A", "B-A"), judged("two three four", "B-A O B-B", "B-B O B-A")
    )
    assert "2 of the 2 sentences with an error" in shown
    assert shown.index("sentence 3: 2 errors") < shown.index("sentence 1: 1 errors")
    assert "right" not in shown
    assert page(judged("right", "B-A", "B-A")) == ""


def test_wrong_spans_are_underlined_and_right_ones_are_not() -> None:
    shown = page(judged("a b c", "B-A O B-A", "B-A O B-B"))
    assert shown.count('<mark class="wrong"') == 2  # c in gold, and as predicted
    assert shown.count("<mark style") == 2  # a in both


def test_what_a_text_holds_is_text() -> None:
    shown = page(judged("<script>alert(1)</script> &amp;", "B-<b> O", "O O"))
    assert "<script>" not in shown
    assert "<b><" not in shown
    assert "&lt;script&gt;" in shown
    assert "&amp;amp;" in shown


def test_labels_of_texts_count_as_errors() -> None:
    shown = page(Judged(["dull"], None, None, ["good"], ["bad"]), Judged(["fine"], None, None, None, ["bad"]))
    assert "(good)" in shown
    assert "(bad)" in shown
    assert "fine" not in shown


def test_of_a_long_sentence_the_surroundings_of_errors_are_shown() -> None:
    tokens = [f"w{index}." for index in range(400)]
    tags = ["O"] * 400
    shown = page(Judged(tokens, [*tags[:200], "B-A", *tags[201:]], tags, None, None))
    for index, is_shown in ((0, False), (184, False), (185, True), (215, True), (216, False), (399, False)):
        assert (f"w{index}." in shown) == is_shown, index
    assert shown.count("…") == 4
