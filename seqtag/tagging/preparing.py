"""What the caller gives, as sentences of tokens: raw text is tokenized and split, lists of tokens stay as they are."""

from collections.abc import Sequence
from typing import NamedTuple

from seqtag.document import InDocument
from seqtag.errors import InputError
from seqtag.sentences import split_sentences
from seqtag.tagging.chunks import Chunks
from seqtag.tagging.offsets import Offsets

Input = str | Sequence[str] | InDocument
"""A raw text, or the tokens of one sentence; by itself or in a document."""


class Prepared(NamedTuple):
    """A text with its tokens and sentences."""

    text: str
    offsets: Sequence[tuple[int, int]]
    """Start and end of each token in `text`, in characters."""
    tokens: list[str]
    sentences: list[tuple[int, int]]
    """First token and end (exclusive) of each sentence; none is empty."""
    pretokenized: bool
    document: str | int | None
    """Name of the document that it is part of; None where it is one."""


def prepare(given: Input, place: str, chunks: Chunks, by_sentence: bool = True) -> Prepared:
    """Tokens and sentences of one input. Raises InputError that names `place` where it is neither text nor tokens.

    Args:
        given: a raw text, or a list of tokens, which is one sentence and whose text is its tokens joined by spaces.
        place: of the input, for messages.
        chunks: what raw texts are tokenized by.
        by_sentence: split a raw text into sentences; otherwise it is one.
    """
    document = None
    if isinstance(given, InDocument):
        given, document = given.given, given.document
    if isinstance(given, str):
        tokens = chunks.tokens(given)
        offsets = Offsets(given, tokens)
        sentences = split_sentences(given, offsets) if by_sentence else [(0, len(tokens))] * bool(tokens)
        return Prepared(given, offsets, tokens, sentences, False, document)
    if not isinstance(given, list | tuple) or not all(isinstance(token, str) for token in given):
        raise InputError(f"{place}: neither a string nor a list of strings, but {_kind(given)}")
    offsets, position = [], 0
    for token in given:
        offsets.append((position, position + len(token)))
        position += len(token) + 1
    return Prepared(" ".join(given), offsets, list(given), [(0, len(given))] * bool(given), True, document)


def _kind(given: object) -> str:
    if isinstance(given, list | tuple):
        odd = next(token for token in given if not isinstance(token, str))
        return f"a list that holds {type(odd).__name__}"
    return type(given).__name__
