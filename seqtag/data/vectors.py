"""Pretrained word vectors from a text file: GloVe, word2vec or fastText."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from seqtag.errors import InputError


class WordVectors(NamedTuple):
    """Words in the order of the file and their vectors."""

    words: tuple[str, ...]
    vectors: Float32[np.ndarray, "words features"]
    repeated: int
    """Lines left out, as their word stood before."""


class Coverage(NamedTuple):
    """What word vectors there are, and the shares of a training part that have one."""

    source: str
    words: int
    features: int
    repeated: int
    tokens: float
    """Of all tokens, 0 to 1."""
    distinct_tokens: float


def read_word_vectors(path: str | Path) -> WordVectors:
    """A word and its numbers a line, separated by spaces or tabs; a first line `words features` (word2vec) is skipped.

    Words may hold spaces: the width is that of the header or, without one, the number of trailing numbers in the first
    line. Of a word that stands twice, the first is kept. Raises InputError that names file and line.
    """
    words: dict[str, int] = {}
    rows: list[np.ndarray] = []
    width = 0
    announced: int | None = None
    found = 0
    try:
        with open(path, encoding="utf-8-sig", newline="\n") as lines:
            for number, line in enumerate(lines, 1):
                fields = line.rstrip("\r\n").replace("\t", " ").rstrip(" ").split(" ")
                if number == 1:
                    if len(fields) == 2 and all(field.isdigit() for field in fields):
                        announced, width = int(fields[0]), int(fields[1])
                        continue
                    width = _trailing_numbers(fields)
                if fields == [""]:
                    continue
                vector = _parse(fields[-width:]) if width and len(fields) > width else None
                if vector is None or (_is_number(fields[-width - 1]) and len(fields) > width + 1):
                    raise InputError(
                        f"{path}:{number}: not a word and {width} numbers; model.word_vectors wants GloVe, word2vec or "
                        "fastText text in which every line has the same width"
                    )
                found += 1
                word = " ".join(fields[:-width])
                if word not in words:
                    words[word] = len(rows)
                    rows.append(vector)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason}); convert the word vectors to text first") from error
    except OSError as error:
        raise InputError(f"{path}: cannot read the word vectors: {error.strerror}") from error
    if announced not in (None, found):
        raise InputError(
            f"{path}: has {found:,} words where its first line says {announced:,}; get the file again, or mend the line"
        )
    if not rows:
        raise InputError(f"{path}: no word vectors in the file")
    return WordVectors(tuple(words), np.stack(rows), repeated=found - len(rows))


def _parse(fields: list[str]) -> np.ndarray | None:
    try:
        with np.errstate(over="ignore"):  # to infinity, which is refused
            vector = np.array(fields, dtype=np.float32)
    except ValueError:
        return None
    return vector if np.isfinite(vector).all() else None


def _is_number(field: str) -> bool:
    """Infinities and NaN too, so that they are refused and not taken for a part of a word."""
    try:
        float(field)
    except ValueError:
        return False
    return True


def _trailing_numbers(fields: list[str]) -> int:
    """How many fields at the end are numbers, the first field being the word whatever it is."""
    count = 0
    while count < len(fields) - 1 and _is_number(fields[-count - 1]):
        count += 1
    return count
