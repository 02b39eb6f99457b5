r"""Text to tokens with character offsets, the way treebanks and CoNLL split English and much else.

The Rust library `tokenizers` cuts text by one pattern, alternatives first to last:

1. URLs and e-mail addresses, mentions and hashtags, whole;
2. abbreviations with inner points (`U.S.`, `a.m.`), whole, and a few that end in one (`Inc.`, `Dr.`);
3. contractions apart from their word: `do` `n't`, `Ada` `'s`;
4. numbers with their points, commas and colons (`1,000.50`, `10:30`), words with inner hyphens and apostrophes, whole;
5. runs of one punctuation mark (`...`, `--`); any other character, currency signs among them, alone.

Combining marks and zero-width joiners stay with the character before them. Every character that is not white space is in
exactly one token; no token holds white space.
"""

import functools
import re

from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

# Letters and digits with what may follow them without ending a word: marks, joiners, variation selectors.
_EXTEND = r"[\p{M}\x{200b}-\x{200d}\x{2060}\x{fe0e}\x{fe0f}\x{1f3fb}-\x{1f3ff}]"
_LETTER = rf"(?:\p{{L}}{_EXTEND}*)"
_ALNUM = rf"(?:[\p{{L}}\p{{N}}_]{_EXTEND}*)"
_ABBREVIATIONS = (
    "Mr Mrs Ms Dr Prof St Jr Sr Inc Corp Ltd Co Bros vs Gen Col Lt Sgt Capt Gov Sen Rep Rev Hon Jan Feb Mar Apr Jun Jul "
    "Aug Sep Sept Oct Nov Dec"
).split()
_PATTERN = "|".join(
    [
        r"(?:https?://|www\.)[^\s<>\"]*[^\s<>\"'.,;:!?)\]}]",
        r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
        r"[@#][\p{L}\p{N}_]+",
        r"(?:\p{L}\.){2,}",
        rf"(?:{'|'.join(_ABBREVIATIONS)})\.(?![\p{{L}}\p{{N}}])",
        rf"{_LETTER}+(?=n['’]t(?![\p{{L}}\p{{N}}]))",
        r"n['’]t(?![\p{L}\p{N}])",
        r"['’](?:s|S|d|D|m|M|ll|LL|re|RE|ve|VE)(?![\p{L}\p{N}])",
        r"\p{N}+(?:[.,:]\p{N}+)+(?:\p{L}+)?",
        rf"{_ALNUM}+(?:[-‐‑]{_ALNUM}+|['’](?!(?:s|S|d|D|m|M|ll|LL|re|RE|ve|VE|t|T)(?![\p{{L}}\p{{N}}])){_ALNUM}+)*",
        rf"([^\s\p{{L}}\p{{N}}])(?:{_EXTEND}|\1)*",
    ]
)
_SURROGATE = re.compile("[\ud800-\udfff]")


@functools.cache
def _splitter() -> Split:
    return Split(Regex(rf"\s+|{_PATTERN}"), behavior="isolated")


def tokenize(text: str) -> list[tuple[int, int]]:
    """Start and end of each token, in characters of `text`, end exclusive."""
    # What Rust's strings cannot hold is replaced one for one, so that offsets stay those of the caller's string.
    safe = _SURROGATE.sub("\ufffd", text)
    spans = []
    for piece, (start, end) in _splitter().pre_tokenize_str(safe):
        if not piece.isspace():
            spans.extend(_without_space(safe, start, end))
    return spans


def _without_space(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The piece cut at white space that Python knows and the pattern's engine does not."""
    if not any(char.isspace() for char in text[start:end]):
        return [(start, end)]
    return [(start + found.start(), start + found.end()) for found in re.finditer(r"\S+", text[start:end])]
