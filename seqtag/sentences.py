r"""Sentences of a text already cut into tokens, by marks at their ends.

A sentence ends

- after a token of full stops, question or exclamation marks or ellipses, together with closing quotes and brackets
  that follow directly, where white space follows and the next token begins neither with a lower-case letter nor with
  another such mark or closing bracket. Scripts without capitals have no lower-case letters here;
- after a CJK mark (`。`, `！`, `？`) with its closing quotes and brackets, white space or none;
- at a blank line, always, and at no other line break.

A point that the tokenizer keeps with its word ends nothing: neither that of `Dr.`, or of the `J.` in `J. Smith`, nor
that of `U.S.`, `Inc.` or `a.m.` before a capital, which may be either: two sentences in one cost a tagger less than a
name in two. A number and its point (`in 1996.`) do end a sentence. What has no mark at its end, as a headline, runs on
to the next mark unless a blank line follows.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence

SENTENCE_RULE = "punctuation-1"
"""The name of this rule, stored with models."""

_MARKS = ".!?…‼⁇⁈⁉\u037e։؟۔܀܁܂।॥།።፧။។៕"
_CJK_MARKS = "。｡！？．"
_CLOSING = ")]}»›”’」』）］｝〉》】〕｣"
# Quotes that also open stand here too: white space behind them shows that they close.
_AFTER = re.escape(_CLOSING + "\"'“‘«‹")
_FORMAT = "\u200b-\u200f\u2060-\u2069\ufe0e\ufe0f"
# One set of characters comes first, since the engine finds its members fast; the look behind then sorts them.
_CANDIDATE = re.compile(
    rf"[{_MARKS}{_CJK_MARKS}\n\u2029](?:"
    # A run is tried from its first mark alone: else a long one takes quadratic time.
    rf"(?<=[{_MARKS}])(?<![{_MARKS}]{{2}})(?P<more>[{_MARKS}]*+)[{_AFTER}{_FORMAT}]*+(?=\s)"
    rf"|(?<=[{_CJK_MARKS}])(?!(?<=．)\d)(?P<cjk>[{_MARKS}{_CJK_MARKS}{_FORMAT}]*+)[{re.escape(_CLOSING)}{_FORMAT}]*+"
    r"|(?<=\n)[^\S\n]*+(?=\n)|(?<=\u2029))"
)
_CONTINUES = frozenset(_MARKS + _CJK_MARKS + _CLOSING)


def split_sentences(text: str, offsets: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """First token and end (exclusive) of each sentence; every token is in exactly one.

    Args:
        text: the whole text.
        offsets: start and end of its tokens, in order, from `tokenize`.
    """
    sentences: list[tuple[int, int]] = []
    first, count = 0, len(offsets)
    candidates = list(_CANDIDATE.finditer(text))
    if candidates:  # else offsets that are found only when asked for need not be
        offsets = list(offsets)
    for found in candidates:
        following = bisect_left(offsets, (found.end(),), first)
        if following == first:
            continue
        if following == count:
            break
        group = found.lastgroup
        if group is not None:
            mark = offsets[bisect_left(offsets, (found.start(),), first, following)][0]
            begins = text[offsets[following][0]]
            # Where no token begins among the marks, they belong to an abbreviation or an address.
            if not found.start() <= mark < found.end(group) or begins in _CONTINUES:
                continue
            # Letters without a capital of their own, as Georgian ones, say nothing.
            if group == "more" and begins.islower() and begins.title() != begins:
                continue
        sentences.append((first, following))
        first = following
    if first < count:
        sentences.append((first, count))
    return sentences
