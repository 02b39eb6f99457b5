"""Tokens cover the text, and cut it where treebanks do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag import tokenization
from seqtag.tokenization import tokenize


def tokens(text: str) -> list[str]:
    return [text[start:end] for start, end in tokenize(text)]


@given(st.text(st.characters()))
def test_every_character_but_white_space_is_in_one_token(text: str) -> None:
    position = 0
    for start, end in tokenize(text):
        assert position <= start < end
        assert not any(char.isspace() for char in text[start:end])
        assert not text[position:start].strip()
        position = end
    assert not text[position:].strip()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ada didn't go.", "Ada|did|n't|go|."),
        ("It's Smith’s; they've won't", "It|'s|Smith|’s|;|they|'ve|wo|n't"),
        ("U.S. Inc. at 10:30 a.m.", "U.S.|Inc.|at|10:30|a.m."),
        ("$1,000.50 (50%)...", "$|1,000.50|(|50|%|)|..."),
        ("me@x.org https://a.b/c?d=e. @user #tag", "me@x.org|https://a.b/c?d=e|.|@user|#tag"),
        ("well-known O'Brien -- 1996-08-22", "well-known|O'Brien|--|1996-08-22"),
        ("cafe\u0301 नमस्ते 你好，世界", "cafe\u0301|नमस्ते|你好|，|世界"),
        ("a\u200bb \ud800 \x00", "a\u200bb|\ud800|\x00"),
        ("", ""),
        (" \n\t ", ""),
    ],
)
def test_text_is_cut_as_treebanks_cut_it(text: str, expected: str) -> None:
    assert tokens(text) == (expected.split("|") if expected else [])


def test_emoji_of_several_characters_stay_whole() -> None:
    text = "👨\u200d👩\u200d👧 🇺🇸🇩🇪 👍🏽!! 1\ufe0f\u20e3"
    assert tokens(text) == ["👨\u200d👩\u200d👧", "🇺🇸", "🇩🇪", "👍🏽", "!!", "1\ufe0f\u20e3"]


def test_long_text_is_cut_the_same_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "Ada didn't pay\n$1,000.50 to  Acme Inc. " * 20
    whole = tokenize(text)
    monkeypatch.setattr(tokenization, "_LONGEST", 25)
    assert tokenize(text) == whole
    assert tokenize("a" * 60) == [(0, 25), (25, 50), (50, 60)]
