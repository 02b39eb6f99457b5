"""Tokens put together from chunks are those of the text as a whole."""

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag.tagging import chunks
from seqtag.tagging.chunks import Chunks
from seqtag.tagging.offsets import Offsets
from seqtag.tokenization import tokenize

# Points, and what decides on them, more often than chance would bring it.
pieces = st.sampled_from(
    [
        *"a A é e\u0301 n't 's ' ’ . .. , : / - -- + $ US$ @ # _ & % ! ? … 1 12 123 0.5 .5 5 U.S. J. J.-P. (".split(
            " "
        ),
        *"Mr. Inc. Corp. No. no. p. c. Fig. Ph.D. etc. Va Va. AA+ x.com www.x. http://x. a@b.c.".split(" "),
        *"日 カ ไทย １ ① Ⅷ ǅ \n \t \r \x1c \x85 \u3000 \u2029 \u200b \u0301 \ud800 \x00".split(" "),
        *(" ", "  ", "\n\n", " \n \n", ". ", " 1", " A", " (", "Mr. ", "No. ", "1. ", "J. "),
    ]
)
texts = st.one_of(
    st.text(st.characters()),
    st.lists(pieces, max_size=15).map("".join),
    st.lists(st.one_of(pieces, st.text(st.characters(), max_size=3)), max_size=15).map(" ".join),
)
SHARED = Chunks()


@given(texts)
def test_tokens_and_offsets_are_those_of_the_tokenizer(text: str) -> None:
    expected = tokenize(text)
    for known in (Chunks(), SHARED):
        tokens = known.tokens(text)
        assert tokens == [text[start:end] for start, end in expected]
    offsets = Offsets(text, tokens)
    assert len(offsets) == len(expected)
    assert offsets == expected
    assert offsets == Offsets(text, tokens)
    assert list(offsets) == expected
    assert offsets[1:] == expected[1:]


@given(st.lists(st.sampled_from(["", " ", "a", "a b", "b "]), max_size=6), st.data())
def test_offsets_of_any_tokens_joined_by_spaces(tokens: list[str], data: st.DataObject) -> None:
    text = " ".join(tokens)
    offsets = Offsets(text, tokens, joined=True)
    assert [text[start:end] for start, end in offsets] == tokens
    assert [start for start, _ in offsets] == [
        len(" ".join(tokens[:index])) + (index > 0) for index in range(len(tokens))
    ]
    edges = sorted(data.draw(st.sets(st.integers(0, len(tokens)))))
    spans = list(pairwise(edges))
    assert offsets.of_spans(spans) == [(offsets[first][0], offsets[last - 1][1]) for first, last in spans]


@pytest.mark.parametrize("word", ["Dr.", "J.", "No.", "Corp.", "1.", "12.", "123.", "U.S.", "p."])
def test_points_go_by_what_stands_around_them(word: str) -> None:
    before = ["", " ", "\n", "a ", "a\n", "\n\n", "\n 1. "]
    after = ["", " ", "\n", "\n\n", " \n \n", " \n"]
    for parts in product(before, [word], after, ["", "a", "A", "1", "(", "日", "ǅ", "."]):
        text = "".join(parts)
        assert SHARED.tokens(text) == [text[start:end] for start, end in tokenize(text)]


@given(st.lists(st.text("ab. \n", max_size=8), max_size=20))
def test_few_chunks_are_kept(many: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "_MOST", 4)
        patch.setattr(chunks, "_LONGEST", 3)
        known = Chunks()
        for text in many:
            assert known.tokens(text) == [text[start:end] for start, end in tokenize(text)]
            assert len(known) <= 4
            assert all(len(chunk) <= 3 for chunk in known)


@given(texts, st.lists(st.integers(0, 20), unique=True))
def test_spans_are_found_where_their_tokens_stand(text: str, cuts: list[int]) -> None:
    expected = tokenize(text)
    offsets = Offsets(text, [text[start:end] for start, end in expected])
    cuts = sorted(cut for cut in cuts if cut <= len(expected))
    for spans in (list(pairwise(cuts)), list(pairwise(cuts))[::2]):
        assert offsets.of_spans(spans) == [(expected[first][0], expected[last - 1][1]) for first, last in spans]
