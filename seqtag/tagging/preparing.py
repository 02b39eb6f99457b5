"""What the caller gives, as sentences of tokens: raw text is tokenized and split, lists of tokens stay as they are."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

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
    tokens: tuple[str, ...]
    sentences: tuple[tuple[int, int], ...]
    """First token and end (exclusive) of each sentence; none is empty."""
    pretokenized: bool
    document: str | int | None
    """Name of the document that it is part of; None where it is one."""

    def offsets(self) -> Offsets:
        """Start and end of each token in `text`, in characters."""
        return Offsets(self.text, self.tokens, self.pretokenized)


class PreparedTexts:
    """Some texts, kept column by column.

    The garbage collector leaves strings, numbers and tuples of them alone. It would go over a `Prepared` of each text
    again and again.
    """

    def __init__(self, texts: Iterable[Prepared]) -> None:
        self._columns: tuple[list[Any], ...] = tuple([] for _ in Prepared._fields)
        for text in texts:
            for column, value in zip(self._columns, text, strict=True):
                column.append(value)

    def __iter__(self) -> Iterator[Prepared]:
        return map(Prepared, *self._columns)


def check_input(given: object, place: str) -> None:
    """Raise InputError that names `place` where an input is neither text nor tokens."""
    if isinstance(given, InDocument):
        given = given.given
    if isinstance(given, str):
        return
    if not isinstance(given, list | tuple) or not all(issubclass(kind, str) for kind in set(map(type, given))):
        raise InputError(f"{place}: neither a string nor a list of strings, but {_kind(given)}")


def prepare(given: Input, chunks: Chunks, by_sentence: bool = True) -> Prepared:
    """Tokens and sentences of one input.

    Args:
        given: a raw text, or a list of tokens, which is one sentence and whose text is its tokens joined by spaces.
        chunks: what raw texts are tokenized by.
        by_sentence: split a raw text into sentences; otherwise it is one.
    """
    document = None
    if isinstance(given, InDocument):
        given, document = given.given, given.document
    if isinstance(given, str):
        tokens = tuple(chunks.tokens(given))
        sentences = split_sentences(given, Offsets(given, tokens)) if by_sentence else [(0, len(tokens))] * bool(tokens)
        return Prepared(given, tokens, tuple(sentences), False, document)
    return Prepared(" ".join(given), tuple(given), ((0, len(given)),) * bool(given), True, document)


def _kind(given: object) -> str:
    if isinstance(given, list | tuple):
        odd = next(token for token in given if not isinstance(token, str))
        return f"a list that holds {type(odd).__name__}"
    return type(given).__name__
