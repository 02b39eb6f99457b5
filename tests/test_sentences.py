"""Sentences partition the tokens, and end where the rule says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.sentences import split_sentences
from seqtag.tokenization import tokenize

pieces = st.sampled_from(
    [
        *"aAé1.!?…。！．」\"')”ع日ა\u200f\x00",
        *" \n\t\u2029\u3000",
        "U.S.",
        "J. ",
        "Inc.",
        "...",
        ". ",
        "? ",
        "\n\n",
        "http://a.b",
    ]
)
texts = st.one_of(st.text(st.characters()), st.lists(pieces, max_size=20).map("".join))


def sentences(text: str) -> list[str]:
    offsets = tokenize(text)
    return [text[offsets[first][0] : offsets[end - 1][1]] for first, end in split_sentences(text, offsets)]


@given(texts)
def test_every_token_is_in_one_sentence(text: str) -> None:
    offsets = tokenize(text)
    position = 0
    for first, end in split_sentences(text, offsets):
        assert first == position < end
        position = end
    assert position == len(offsets)


@given(texts, texts)
def test_a_blank_line_parts_a_text_in_two(one: str, other: str) -> None:
    assert sentences(f"{one}\n\n{other}") == sentences(f"{one}\n\n") + sentences(f"\n\n{other}")


@pytest.mark.parametrize(
    "expected",
    [
        ["Ada left.", "She came back!", "Why?", "Nobody knows."],
        ["He said \"no.\"", "(She agreed.)", "“Yes.”", "So be it."],
        ["He said \"Why?\" and left.", "Oh... and so on?!", "Well...", "No."],
        ["Dr. Roe met J. R. Smith, Mr. Doe and A. Low of the U.S. Army.", "They won 6.5 of 10.", "It ended."],
        ["At 5 p.m. Ada left Acme Inc. Then she came back to the U.S."],
        ["In 1996.", "5 of them."],
        ["See http://a.b/c?d=E.", "Mail x@y.org.", "Yes.", "'No', 12"],
        ["iPhones sell. iPads do not."],
        ["Ada left .", "She came ?"],
        ["Wait . . .", "What"],
        ["यह है।", "वह है।", "هل؟", "نعم۔"],
        ["მე ვარ.", "შენ ხარ."],
        ["Ja.\u200f", "Nein."],
        ["One line\nand another.", "Next"],
    ],
)  # fmt: skip
def test_sentences_joined_by_blanks_are_found(expected: list[str]) -> None:
    assert sentences(" ".join(expected)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("你好。「是。」他说！？好…", ["你好。", "「是。」", "他说！？", "好…"]),
        ("ABC．３．14。x", ["ABC．３．14。", "x"]),
        ("a\n \t\nb\nc\r\n\r\nd\u2029e", ["a", "b\nc", "d", "e"]),
        ("\n\n. a\n\n", [". a"]),
        ("Acme Inc.\n\nNext", ["Acme Inc.", "Next"]),
        ("Etc... The end.Next", ["Etc...", "The end.Next"]),
        ("", []),
        (" \n\n ", []),
    ],
)
def test_marks_and_blank_lines(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize("word", ["Dr.", "Prof.", "J.", "U.S.", "Inc.", "e.g.", "p.m.", "Sept.", "J.-P."])
def test_no_sentence_ends_after_an_abbreviation(word: str) -> None:
    assert len(sentences(f"Ada met {word} Roe")) == 1
