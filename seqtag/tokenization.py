r"""Text to tokens with character offsets, the way treebanks and CoNLL-2003 split English and much else.

The Rust library `tokenizers` cuts text by one pattern, alternatives first to last:

1. URLs, e-mail addresses, mentions and hashtags, whole;
2. abbreviations: with inner points (`U.S.`, `a.m.`, `U.N.-led`), a list of others (`Inc.`, `Dr.`; `No.` before a
   number), initials before a name (`J. Smith`). At the end of a text or paragraph the point of a listed one is the
   full stop, apart;
3. a number that counts a line (`1.`), decimals that begin with their point, numbers with a plus, dollars (`US$`);
4. Han and Hiragana, a token a character; Thai, Lao, Khmer and Myanmar, a token a letter with its marks; Katakana, a
   token a run;
5. contractions apart from their word: `do` `n't`, `Ada` `'s`; words and numbers with their inner hyphens, apostrophes,
   points, commas and colons (`O'Brien`, `1,000.50`, `10:30`, `6-3`), whole. A slash cuts words and not plain numbers
   (`1996/97`, `5 1/2`);
6. runs of one mark or emoji (`...`, `--`), of `!` and `?`, and emoji of several characters; any other character,
   currency signs, quotes, brackets and fullwidth punctuation among them, alone.

Combining marks and characters of format (joiners, soft hyphens, marks of direction) stay with the character before
them. Every character that is not white space is in exactly one token; no token holds white space.
"""

import functools
import re
from collections.abc import Iterator

from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

TOKENIZER = "treebank-1"
"""The name of these rules, stored with models."""

# Quantifiers over what may be long are possessive (`++`), and what looks far ahead is tried only where a run begins:
# the time stays linear, and the engine's stack small.

# What may follow a letter or digit without ending a word: marks, format characters, tones of skin.
_EXTEND = r"[\p{M}\p{Cf}\x{1f3fb}-\x{1f3ff}]"
_KATAKANA = r"\p{Katakana}ー\x{ff70}\x{ff9e}\x{ff9f}"
_BY_SYLLABLE = r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_SPACED = rf"[\p{{L}}\p{{N}}&&[^\p{{Han}}\p{{Hiragana}}{_KATAKANA}]&&[^\p{{L}}&&[{_BY_SYLLABLE}]]]"
_LETTER, _CAPITAL = rf"\p{{L}}{_EXTEND}*+", rf"\p{{Lu}}{_EXTEND}*+"
_NO_WORD = r"(?![\p{L}\p{N}])"
_N_T = rf"[nN]['’][tT]{_NO_WORD}"
_CLITIC = rf"['’](?:[sSdDmM]|ll|LL|re|RE|ve|VE){_NO_WORD}"
_WORD = rf"(?:(?!{_N_T}){_SPACED}{_EXTEND}*+)++"
_JOINER = (
    rf"[-‐‑·]|['’](?!(?:[sSdDmM]|ll|LL|re|RE|ve|VE){_NO_WORD})|_++"
    r"|(?<=\p{N})[.,:](?=[\p{N}ºª])|(?<=\p{Lu})&(?=\p{Lu})|(?<=\p{Hebrew})[\"׳״](?=\p{Hebrew})"
)
_COMPOUND = rf"{_WORD}(?:(?:{_JOINER}){_WORD})*+"
_ABBREVIATIONS = (
    "Mr Mrs Ms Messrs Dr Prof St Mt Ft Jr Sr Inc Corp Ltd Co Cos Bros Assn Dept Univ vs v etc al cf approx Gen Maj "
    "Col Lt Cmdr Adm Sgt Cpl Pvt Capt Gov Sen Sens Rep Reps Rev Hon Pres Supt Ave Blvd Rd Jan Feb Mar Apr Jun Jul Aug "
    "Sep Sept Oct Nov Dec Ala Ariz Ark Calif Colo Conn Del Fla Ga Ill Ind Kan Ky La Md Mass Mich Minn Mo Mont Neb Nev "
    "Okla Ore Pa Tenn Tex Va Vt Wash Wis Wyo Mme Mlle Sra Dra dr sr sra tel Av Cia bzw usw ca Ph\\.D"
).split()
# Of these without the point many are words, or end sentences.
_BEFORE_NUMBERS = "No Nos no nos Nr Art Fig Vol p pp c".split()
_END = r"\s*+\z|[^\S\n]*+\n[^\S\n]*+\n"  # of the text or a paragraph
_DOMAIN = rf"\.(?:(?:com|org|net|edu|gov)(?:\.\p{{L}}{{2}})?|co\.\p{{L}}{{2}}){_NO_WORD}"
_ALONE = r"[\"()\[\]{}\x{3001}-\x{303f}\x{ff00}-\x{ffef}]"
_NOT_URL = r"\s<>\"“”«»\x{3000}-\x{303f}\x{ff00}-\x{ffef}"
_RULES = "|".join(
    [
        rf"(?:(?i:https?|ftp)://|[wW]{{3}}\.)[^{_NOT_URL}]*[^{_NOT_URL}'’.,;:!?…)\]}}]",
        r"(?<![\w.+-])[\w.+-]++(?<=\w)@[\w-]++(?:\.[\w-]++)++",
        rf"[@#](?=[\p{{N}}_]*+\p{{L}})(?:[\p{{L}}\p{{N}}_]{_EXTEND}*+)++",
        rf"(?={_LETTER}\.\p{{L}}){_LETTER}(?:\.{_LETTER}{_NO_WORD})++\.?(?:-{_WORD})*+",
        rf"{_CAPITAL}\.(?:-{_CAPITAL}\.)++",
        rf"(?=\p{{L}}{{1,6}}\.)(?:{'|'.join(_ABBREVIATIONS)})\.{_NO_WORD}(?!{_END})(?:-{_WORD})*+",
        rf"(?:{'|'.join(_BEFORE_NUMBERS)})\.(?:\p{{N}}++|(?=\s++\p{{N}}))",
        rf"{_CAPITAL}\.(?=\s++[\p{{Lu}}\p{{Ll}}]|[,\p{{L}}])",
        r"(?<![^\n])\p{N}{1,3}\.(?=\s++\S)",
        r"(?<![^\s(\[$£€¥])\.\p{N}++",
        rf"(?<![\p{{L}}\p{{N}}])\+(?=\p{{N}}){_COMPOUND}",
        r"[A-Z]{1,3}\$",
        rf"[\p{{Han}}\p{{Hiragana}}]{_EXTEND}*+",
        rf"(?:[{_KATAKANA}]{_EXTEND}*+)++",
        # The two signs stack the letter that follows below the one before.
        rf"[\p{{L}}&&[{_BY_SYLLABLE}]](?:[\x{{17d2}}\x{{1039}}]\p{{L}}|{_EXTEND}|[\x{{0e33}}\x{{0eb3}}])*+",
        r"\p{N}++(?:-\p{N}++)?(?:/\p{N}++){1,3}(?:-\p{N}++)?(?![.,]?\p{N}|/|\p{L})",
        rf"{_COMPOUND}(?:{_DOMAIN}|-(?!\S)|(?<=\p{{Lu}})\+++{_NO_WORD})?",
        rf"{_N_T}|{_CLITIC}",
        r"[\x{1f1e6}-\x{1f1ff}]{2}",  # a flag is two letters of its own alphabet
        r"[!?][!?]++",
        rf"([^\s\p{{L}}\p{{N}}])(?:(?<=\x{{200d}})\p{{So}}|{_EXTEND}|(?<!{_ALONE})\1)*+",
        rf"\S{_EXTEND}*+",
    ]
)
_PATTERN = rf"(?:{_RULES}){_EXTEND}*+"  # whatever a token ends in may have marks
_LONGEST = 1_000_000
_TO_LAST_BREAK = re.compile(r".+\s(?=\S)", re.DOTALL)
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
    if len(text) <= _LONGEST:
        return [span for _, span in _splitter().pre_tokenize_str(text)]
    spans = []
    for first, last, piece in _pieces(text):
        found = [(first + start, first + end) for _, (start, end) in _splitter().pre_tokenize_str(piece)]
        spans += found[:-1] if found and found[-1][0] >= last else found
    return spans


def _pieces(text: str) -> Iterator[tuple[int, int, str]]:
    """The text in pieces, since the engine gives up on runs of several million characters: start, end, and the piece.

    A piece ends before white space, so that only a run longer than a piece is cut. It is handed over with that and the
    one character that follows, which is all that a rule looks at beyond white space.
    """
    first = 0
    while len(text) - first > _LONGEST:
        found = _TO_LAST_BREAK.match(text, first, first + _LONGEST)
        last = found.end() - 1 if found else first + _LONGEST
        yield first, last, text[first : last + 2] if found else text[first:last]
        first = last
    yield first, len(text), text[first:]
