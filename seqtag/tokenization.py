r"""Text to tokens with character offsets, the way treebanks and CoNLL split English and much else.

The Rust library `tokenizers` cuts text by one pattern, alternatives first to last:

1. URLs and e-mail addresses, mentions and hashtags, whole;
2. abbreviations with inner points (`U.S.`, `a.m.`), whole, and a few that end in one (`Inc.`, `Dr.`);
3. contractions apart from their word: `do` `n't`, `Ada` `'s`;
4. numbers with their points, commas and colons (`1,000.50`, `10:30`), words with inner hyphens and apostrophes, whole;
5. runs of one punctuation mark (`...`, `--`), emoji of several characters; any other character, currency signs among
   them, alone.

Combining marks and zero-width joiners stay with the character before them. Every character that is not white space is
in exactly one token; no token holds white space.
"""

import functools
import re
from collections.abc import Iterator

from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

# Letters and digits with what may follow them without ending a word: marks, joiners, variation selectors.
_EXTEND = r"[\p{M}\x{200b}-\x{200d}\x{2060}\x{fe0e}\x{fe0f}\x{1f3fb}-\x{1f3ff}]"
_LETTER = rf"(?:\p{{L}}{_EXTEND}*)"
_ALNUM = rf"(?:[\p{{L}}\p{{N}}_]{_EXTEND}*)"
_ABBREVIATIONS = (
    "Mr Mrs Ms Dr Prof St Jr Sr Inc Corp Ltd Co Bros vs Gen Col Lt Sgt Capt Gov Sen Rep Rev Hon Jan Feb Mar Apr Jun "
    "Jul Aug Sep Sept Oct Nov Dec"
).split()
_PATTERN = "|".join(
    [
        r"(?:https?://|www\.)[^\s<>\"]*[^\s<>\"'.,;:!?)\]}]",
        # Tried only where such a run begins: else a long one without an @ would take quadratic time.
        r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
        r"[@#][\p{L}\p{N}_]+",
        r"(?:\p{L}\.){2,}",
        rf"(?:{'|'.join(_ABBREVIATIONS)})\.(?![\p{{L}}\p{{N}}])",
        rf"{_LETTER}+(?=n['’]t(?![\p{{L}}\p{{N}}]))",
        r"n['’]t(?![\p{L}\p{N}])",
        r"['’](?:s|S|d|D|m|M|ll|LL|re|RE|ve|VE)(?![\p{L}\p{N}])",
        r"\p{N}+(?:[.,:]\p{N}+)+(?:\p{L}+)?",
        rf"{_ALNUM}+(?:[-‐‑]{_ALNUM}+|['’](?!(?:s|S|d|D|m|M|ll|LL|re|RE|ve|VE|t|T)(?![\p{{L}}\p{{N}}])){_ALNUM}+)*",
        r"[\x{1f1e6}-\x{1f1ff}]{2}",  # a flag is two letters of its own alphabet
        rf"([^\s\p{{L}}\p{{N}}])(?:(?<=\x{{200d}})\p{{So}}|{_EXTEND}|\1)*",
    ]
)
TOKENIZER = "treebank-1"
"""The name of these rules, stored with models."""
_LONGEST = 1_000_000
# White space to Python but not to the pattern's engine; and surrogates, which Rust's strings cannot hold.
_REPLACED = {**dict.fromkeys(range(0x1C, 0x20), " "), **dict.fromkeys(range(0xD800, 0xE000), "\ufffd")}
_REPLACEABLE = re.compile("[\x1c-\x1f\ud800-\udfff]")


@functools.cache
def _splitter() -> Split:
    return Split(Regex(_PATTERN), behavior="removed", invert=True)


def tokenize(text: str) -> list[tuple[int, int]]:
    """Start and end of each token, in characters of `text`, end exclusive."""
    if _REPLACEABLE.search(text):
        text = text.translate(_REPLACED)  # one for one, so that offsets stay those of the caller's string
    spans = []
    for first, piece in _pieces(text):
        spans += [(first + start, first + end) for _, (start, end) in _splitter().pre_tokenize_str(piece)]
    return spans


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """The text in pieces, with their starts, since the engine gives up on runs of several million characters.

    Pieces end at a space or line break, so that only a run longer than a piece is cut.
    """
    first = 0
    while len(text) - first > _LONGEST:
        last = max(text.rfind(space, first, first + _LONGEST) for space in " \n")
        last = last if last > first else first + _LONGEST
        yield first, text[first:last]
        first = last
    yield first, text[first:]
