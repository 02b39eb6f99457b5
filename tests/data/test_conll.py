"""Columns in their rarer forms; the common ones stand in `test_reading.py`."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqtag.config import DataConfig
from seqtag.data.reading import read_corpus
from seqtag.errors import InputError
from seqtag.schemes import SCHEMES, Scheme, Span, spans_to_tags

Write = Callable[..., DataConfig]

PLAIN = "Ada B-PER\nmet O\n\nBabbage B-PER\n"
READ = [(["Ada", "met"], ["B-PER", "O"]), (["Babbage"], ["B-PER"])]


def sentences(config: DataConfig) -> list[tuple[list[str], list[str]]]:
    train = read_corpus(config).splits["train"]
    return list(zip(train["tokens"], train["tags"], strict=True))


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace("\n\n", "\n \t \n\n"),
        PLAIN.replace(" ", "   "),
        PLAIN.replace(" ", " NNP x "),
        "-DOCSTART- O\n\n" + PLAIN,
        "-DOCSTART-\n" + PLAIN,
        "-DOCSTART- -X- -X- O\n\n" + PLAIN.replace("\n\n", "\n-DOCSTART- -X- -X- O\n"),
        "# text = Ada met\n# a remark of its own\n#\n" + PLAIN,
        ("# text = Ada met\n# sent_id = 1\n" + PLAIN)
        .replace("a B", "a\tB")
        .replace("t O", "t\tO")
        .replace("e B", "e\tB"),
    ],
)
def test_every_dialect_reads_the_same(conll: Write, text: str | bytes) -> None:
    assert sentences(conll(text)) == READ


@pytest.mark.parametrize("separator", [" ", "\t"])
def test_a_token_may_begin_with_the_sign_of_a_comment(conll: Write, separator: str) -> None:
    lines = ["#tag O", "# O", "#2 O", "", "# O", "#a B-X", "#newdocs O"]
    text = "\n".join(line.replace(" ", separator) for line in ["Ada O", "", *lines])
    tokens = [tokens for tokens, _ in sentences(conll(text))]
    assert tokens == [["Ada"], ["#tag", "#", "#2"], ["#", "#a", "#newdocs"]]


def test_with_tabs_whatever_has_the_columns_of_a_token_is_one(conll: Write) -> None:
    assert sentences(conll("Ada\tO\n\n# y\tO\n\n#x = \tO\n"))[1:] == [(["# y"], ["O"]), (["#x = "], ["O"])]


@st.composite
def tagged(draw: st.DrawFn) -> list[tuple[list[Span], int]]:
    """Sentences of one to six tokens with spans; the first opens one, so that the scheme shows."""
    found = [([Span("A", 0, 2)], 2)]
    for _ in range(draw(st.integers(0, 4))):
        spans, position = [], 0
        for _ in range(draw(st.integers(0, 3))):
            start = position + draw(st.integers(0, 1))
            position = start + draw(st.integers(1, 2))
            spans.append(Span(draw(st.sampled_from("AB")), start, position))
        found.append((spans, position + 1))
    return found


@pytest.mark.parametrize("scheme", SCHEMES)
@given(sample=tagged())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_scheme_is_found_and_ends_in_iob2(
    conll: Write, scheme: Scheme, sample: list[tuple[list[Span], int]]
) -> None:
    text = "\n".join("".join(f"w {tag}\n" for tag in spans_to_tags(*case, scheme)) for case in sample)
    config = conll(text)
    assert [tags for _, tags in sentences(config)] == [spans_to_tags(*case, "IOB2") for case in sample]
    findings = read_corpus(config).findings["train"]
    assert (findings.scheme, findings.repaired) == (scheme, 0)


def test_the_scheme_is_that_of_the_training_part(conll: Write, tmp_path: Path) -> None:
    (tmp_path / "valid.txt").write_text("a B-X\nb B-X\n\nc I-X\n")
    corpus = read_corpus(conll("a I-X\nb B-X\n\nc I-X\n", validation="valid.txt"))
    assert corpus.findings["validation"].scheme == "IOB1"
    # B is ill-formed there where no span of the label touches, and reads the same.
    assert corpus.findings["validation"].repaired == 1
    assert list(corpus.splits["validation"]["tags"]) == [["B-X", "B-X"], ["B-X"]]


@pytest.mark.parametrize(
    ("text", "config", "message"),
    [
        ("a\tO\n#tag\n", {}, r"train\.txt:2: 1 columns"),
        ("a O\n", {"delimiter": "tab"}, r"train\.txt:1: one column only.*data\.delimiter is tab"),
        ("a O\n\nb X\n", {}, r"train\.txt:3: tag 'X' is neither"),
        ("a O\n".encode("utf-16"), {}, r"train\.txt:1: not UTF-8"),
        ("\n\n# sent_id = 1\n\n", {}, r"train\.txt: no sentences"),
    ],
)
def test_what_is_wrong_is_named(conll: Write, text: str | bytes, config: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_corpus(conll(text, **config))


def test_a_part_is_read_without_the_training_part(conll: Write, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("a I-X\n")
    config = replace(conll(""), train="absent", test="other")
    corpus = read_corpus(config, require_train=False, only=["test"])
    assert (list(corpus.splits), corpus.findings["test"].scheme) == (["test"], "IOB1")
    with pytest.raises(InputError, match=r"absent: there is no such file"):
        read_corpus(config)


def test_a_held_out_share_is_not_cut(conll: Write) -> None:
    text = "a B-X\nb O\nc O\n\n" * 10
    corpus = read_corpus(conll(text, validation=0.2, max_sentence_length=2))
    assert [len(tokens) for tokens in corpus.splits["validation"]["tokens"]] == [3, 3]
    assert [len(tokens) for tokens in corpus.splits["train"]["tokens"]] == [2] * 8
    assert corpus.findings["train"].cut_tokens == 8


def test_one_document_cannot_be_shared_out(conll: Write) -> None:
    with pytest.raises(
        InputError, match=r"data\.validation 0\.5: leaves nothing on one side of 2 sentences in 1 documents"
    ):
        read_corpus(conll("-DOCSTART- O\n\na O\n\nb O\n", validation=0.5))
