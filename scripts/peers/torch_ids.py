"""Strings to integers for the PyTorch worker."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from measuring import Sentence

FIRST, UNKNOWN = 2, 1
LONGEST = 24
"""Characters of a word; longer ones keep their first and last halves of this."""
_DIGIT = re.compile(r"\d")


class Indexed(NamedTuple):
    """A sentence as integers."""

    words: list[int]
    chars: list[list[int]]
    tags: list[int]


class Ids(NamedTuple):
    """Words with digits as 0, characters, and tags with their positions."""

    words: dict[str, int]
    chars: dict[str, int]
    tags: list[str]

    @classmethod
    def of(cls, sentences: Iterable[Sentence]) -> "Ids":
        """Everything that is in the sentences; tags in BIOES."""
        words: dict[str, int] = {}
        chars: dict[str, int] = {}
        tags: set[str] = {"O"}
        for sentence in sentences:
            for token in sentence.tokens:
                words.setdefault(_DIGIT.sub("0", token), len(words) + FIRST)
                for char in token:
                    chars.setdefault(char, len(chars) + FIRST)
            tags.update(bioes(sentence.tags))
        return cls(words, chars, sorted(tags))

    def indexed(self, sentence: Sentence) -> Indexed:
        """The integers of a sentence."""
        words = [self.words.get(_DIGIT.sub("0", token), UNKNOWN) for token in sentence.tokens]
        chars = [[self.chars.get(char, UNKNOWN) for char in _ends(token)] for token in sentence.tokens]
        known = {tag: number for number, tag in enumerate(self.tags)}
        return Indexed(words, chars, [known.get(tag, 0) for tag in bioes(sentence.tags)])


def _ends(token: str) -> str:
    return token if len(token) <= LONGEST else token[: LONGEST // 2] + token[-LONGEST // 2 :]


def bioes(tags: list[str]) -> list[str]:
    """IOB2 as BIOES."""
    following = [*tags, "O"][1:]
    names = {("B", True): "B", ("B", False): "S", ("I", True): "I", ("I", False): "E"}
    return [
        tag if tag == "O" else names[tag[0], after == f"I{tag[1:]}"] + tag[1:]
        for tag, after in zip(tags, following, strict=True)
    ]
