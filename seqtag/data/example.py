"""What readers hand on, one sentence at a time, and the account of what was changed on the way."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from seqtag.data.schema import Findings
from seqtag.errors import InputError

_SHOWN = 5
"""Examples kept for messages."""


@dataclass
class Example:
    """One sentence as the source has it."""

    tokens: list[str]
    tags: list[str] | None
    """In the source's scheme; None where it has none."""
    place: str
    """`file:line` or `split, row`, for messages."""
    document_id: str | None = None
    text: str | None = None
    starts: list[int] | None = None
    """Character offsets of the tokens in `text`."""
    ends: list[int] | None = None
    label: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    """The source's other columns."""


@dataclass
class Ledger:
    """Counts what reading changes, or raises in its place where `data.strict` is set."""

    source: str
    strict: bool
    scheme: str | None = None
    repaired: int = 0
    misaligned: int = 0
    overlapping: int = 0
    cut_tokens: int = 0
    examples: list[str] = field(default_factory=list)

    def note(self, kind: str, count: int, what: Callable[[], str], fatal: bool = True) -> None:
        """Add `count` to `kind`. Raises InputError with the message of `what` in strict mode, if it is `fatal` there."""
        if not count:
            return
        if self.strict and fatal:
            raise InputError(f"{what()}; data.strict forbids mending it")
        setattr(self, kind, getattr(self, kind) + count)
        if len(self.examples) < _SHOWN:
            self.examples.append(what())

    def findings(self) -> Findings:
        """The account, closed."""
        return Findings(
            source=self.source,
            scheme=self.scheme,
            repaired=self.repaired,
            misaligned=self.misaligned,
            overlapping=self.overlapping,
            cut_tokens=self.cut_tokens,
            examples=tuple(self.examples),
        )


class Reader(Protocol):
    """One data format."""

    def source(self, name: str) -> str:
        """How the split `name` is called in messages. Raises InputError where there is no such split or file."""
        ...

    def examples(self, name: str, ledger: Ledger) -> Iterator[Example]:
        """The sentences of a split, in order. May be called again for another pass."""
        ...
