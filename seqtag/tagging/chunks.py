"""Tokens of running text by what stands between its spaces: most of these chunks recur, and are tokenized once.

The rules of `seqtag.tokenization` look beyond a space in two places, and such chunks are cut where they stand:

- a point at the end of a chunk may belong to its word, by what follows;
- a number and a point that open a text may count its line.
"""

from collections.abc import Sequence
from itertools import chain

from seqtag.tokenization import tokenize

_MOST = 100_000
"""Chunks kept before all are forgotten, so that endless text takes bounded memory."""
_LONGEST = 64
"""Characters of a chunk that is kept."""
_CONTEXTS = (" A", " 1", " (", "\n\nA", "\n\n1", "\n\n(")
"""With the end of the text, all that the rules tell apart behind a point."""


class Chunks(dict[str, tuple[str, ...]]):
    """The tokens of each chunk met so far; none where they depend on what follows.

    Several threads may share one.
    """

    def tokens(self, text: str) -> list[str]:
        """The tokens of a text, as `tokenize` finds them."""
        chunks = text.split(" ")
        found = list(map(self.__getitem__, chunks))
        if "." in text[1:4] and not text[0].isalpha():
            found[0] = ()
        if not all(found):
            found = [own or _in_place(chunks, index) for index, own in enumerate(found)]
        return list(chain.from_iterable(found))

    def __missing__(self, chunk: str) -> tuple[str, ...]:
        tokens = _cut(" ", chunk, "")
        if chunk.rstrip().endswith(".") and any(_cut(" ", chunk, after) != tokens for after in _CONTEXTS):
            tokens = ()
        if len(chunk) <= _LONGEST and "\n" not in chunk:  # the words around the end of a line hardly recur
            if len(self) >= _MOST:
                self.clear()
            self[chunk] = tokens
        return tokens


def _in_place(chunks: Sequence[str], index: int) -> tuple[str, ...]:
    """The tokens of a chunk by what follows: all up to the next character that is no white space."""
    chunk, after = chunks[index], []
    if not chunk:
        return ()
    for place in range(index + 1, len(chunks)):
        following = chunks[place]
        blank = len(following) - len(following.lstrip())
        after.append(f" {following[: blank + 1]}")
        if blank < len(following):
            break
    return _cut(" " if index else "", chunk, "".join(after))


def _cut(before: str, chunk: str, after: str) -> tuple[str, ...]:
    """The tokens of `chunk` between the two."""
    text = f"{before}{chunk}{after}"
    first, last = len(before), len(before) + len(chunk)
    return tuple(text[start:end] for start, end in tokenize(text) if first <= start < last)
