"""Tokens cover the text, and cut it where treebanks do."""

import re
import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtag import tokenization
from seqtag.tokenization import tokenize


def tokens(text: str) -> list[str]:
    return [text[start:end] for start, end in tokenize(text)]


# What has rules of its own, more often than chance would bring it.
special = st.sampled_from(
    [
        *"a A é e\u0301 n't 's ' ’ . .. , : / - -- + $ US$ @ # _ & % ! ? … 1 12 0.5 U.S. J. Inc. No.".split(" "),
        *"http:// www. x@y.org 日 の カー ー ไทย น้ำ ក្ស 。 ！ ש ״ ع \u202e \u200f 👨 👍🏽 🇺 \ufe0f \u200d".split(" "),
        *"\u200b\ufeff\u00ad\u0301\u0e33\x00\ud800 \n\t\x1c\x85\u3000\u2029",
        *("  ", "\n\n"),
    ]
)
texts = st.one_of(st.text(st.characters()), st.lists(special, max_size=12).map("".join))


@given(texts)
def test_every_character_but_white_space_is_in_one_token(text: str) -> None:
    position = 0
    for start, end in tokenize(text):
        assert position <= start < end
        assert not any(char.isspace() for char in text[start:end])
        assert not text[position:start].strip()
        position = end
    assert not text[position:].strip()


@given(texts, st.sampled_from(["NFC", "NFD"]))
def test_marks_stay_with_the_character_before_them(text: str, form: Literal["NFC", "NFD"]) -> None:
    text = unicodedata.normalize(form, text)
    for start, _ in tokenize(text):
        assert start == 0 or text[start - 1].isspace() or unicodedata.category(text[start]) not in ("Mn", "Me", "Cf")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ada didn't go. CAN'T Don’t cannot", "Ada|did|n't|go|.|CA|N'T|Do|n’t|cannot"),
        ("It's Smith’s; they've won't", "It|'s|Smith|’s|;|they|'ve|wo|n't"),
        ("the boys' o'clock Gov't", "the|boys|'|o'clock|Gov't"),
        ("U.S. Inc. at 10:30 a.m.", "U.S.|Inc.|at|10:30|a.m."),
        ("U.S.-led U.S.'s Ill.-based", "U.S.-led|U.S.|'s|Ill.-based"),
        ("Dr. Roe of Acme Corp.", "Dr.|Roe|of|Acme|Corp|."),
        ("Acme Corp.\n \nDr.\nRoe", "Acme|Corp|.|Dr.|Roe"),
        ("J. Smith, J.-P. Roe, J.Doe", "J.|Smith|,|J.-P.|Roe|,|J.|Doe"),
        ("E\u0301. Roe, J.-E\u0301. Roe, E\u0301.U.", "E\u0301.|Roe|,|J.-E\u0301.|Roe|,|E\u0301.U."),
        ("a@b.c\u00ad Inc.\u200f of didn't\u200b", "a@b.c\u00ad|Inc.\u200f|of|did|n't\u200b"),
        ("Plan B.", "Plan|B|."),
        ("No. 5, no.6. No. Yes", "No.|5|,|no.6|.|No|.|Yes"),
        ("1. Ada\n22. Roe in 1996. So", "1.|Ada|22.|Roe|in|1996|.|So"),
        ("$1,000.50 (50%)...", "$|1,000.50|(|50|%|)|..."),
        ("US$5 C$2 €7 7€ .500 +3 -4", "US$|5|C$|2|€|7|7|€|.500|+3|-|4"),
        ("6-3, 1996/97 5-1/2 12/31/96 2,337/2,383 and/or", "6-3|,|1996/97|5-1/2|12/31/96|2,337|/|2,383|and|/|or"),
        ("83rd 10-year-old 27.ª", "83rd|10-year-old|27.ª"),
        ("me@x.org https://a.b/c?d=e. @user #tag", "me@x.org|https://a.b/c?d=e|.|@user|#tag"),
        ("(www.x.org), x.co.uk a@b # 1 #1 #a_1", "(|www.x.org|)|,|x.co.uk|a|@b|#|1|#|1|#a_1"),
        ("well-known O'Brien -- 1996-08-22", "well-known|O'Brien|--|1996-08-22"),
        ("pre- and post-war, S&P AA+", "pre-|and|post-war|,|S&P|AA+"),
        ('"((x))" What?! Oh!!', '"|(|(|x|)|)|"|What|?!|Oh|!!'),
        ("cafe\u0301 नमस्ते 你好，世界", "cafe\u0301|नमस्ते|你|好|，|世|界"),
        ("のデータ2024年！！http://a.b/c。", "の|データ|2024|年|！|！|http://a.b/c|。"),
        ("ไทย12 น้ำ ນ້ຳ ក្សa မြန်", "ไ|ท|ย|12|น้ำ|ນ້ຳ|ក្ស|a|မြ|န်"),
        ('צה"ל שלום\u200f, مرحبا؟', 'צה"ל|שלום\u200f|,|مرحبا|؟'),
        ("a\u200bb co\u00adop \ud800 \x00", "a\u200bb|co\u00adop|\ud800|\x00"),
        ("", ""),
        (" \n\t ", ""),
    ],
)
def test_text_is_cut_as_treebanks_cut_it(text: str, expected: str) -> None:
    assert tokens(text) == (expected.split("|") if expected else [])


def test_emoji_of_several_characters_stay_whole() -> None:
    text = "👨\u200d👩\u200d👧 🇺🇸🇩🇪 👍🏽!! 1\ufe0f\u20e3"
    assert tokens(text) == ["👨\u200d👩\u200d👧", "🇺🇸", "🇩🇪", "👍🏽", "!!", "1\ufe0f\u20e3"]


@given(st.lists(special, max_size=40).map("".join), st.integers(8, 40))
def test_text_is_cut_the_same_in_pieces(text: str, longest: int) -> None:
    whole = tokenize(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenization, "_LONGEST", longest)
        cut = tokenize(text)
    # Pieces part at white space; a run longer than a piece cannot be kept.
    if max(map(len, re.findall(r"\S+\s*|\s+", text)), default=0) < longest // 2:
        assert cut == whole
    assert "".join(text[start:end] for start, end in cut) == "".join(text[start:end] for start, end in whole)


def test_long_text_is_cut_the_same_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "Ada didn't pay\n$1,000.50 to  Acme Inc. " * 20
    whole = tokenize(text)
    monkeypatch.setattr(tokenization, "_LONGEST", 25)
    assert tokenize(text) == whole
    assert tokenize("a" * 60) == [(0, 25), (25, 50), (50, 60)]
