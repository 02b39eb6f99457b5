"""How much is tagged at a time: so many characters or inputs, and a document whole, within reason."""

from collections.abc import Sequence
from typing import NamedTuple

_CHARACTERS_OF_TOKEN = 6
"""With the space after it, usually."""


class Limits(NamedTuple):
    """Of a portion; the portion that reaches one of the first two is full."""

    characters: int
    inputs: int
    document: int
    """Characters of a portion in the middle of a document, which is cut there: memory is bounded."""


class Portion:
    """Counts what is taken."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._characters = self._inputs = 0
        self._document: object = None

    def ends_before(self, document: object) -> bool:
        """Whether an input of `document`, or of none (None), begins the next portion."""
        is_apart = document is None or document != self._document
        return self._is_full() and (is_apart or self._characters >= self._limits.document)

    def add(self, given: str | Sequence[str], document: object) -> None:
        """Take a text, or tokens."""
        self._characters += len(given) * (1 if isinstance(given, str) else _CHARACTERS_OF_TOKEN)
        self._inputs += 1
        self._document = document

    def has_ended(self) -> bool:
        """Whether nothing can be added any more, whatever comes: there is no need to wait for it."""
        return self._is_full() and self._document is None

    def _is_full(self) -> bool:
        return self._characters >= self._limits.characters or self._inputs >= self._limits.inputs
