"""What readers hand on, one sentence at a time, and the account of what was changed on the way."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from seqtag.config import DataConfig
from seqtag.data.schema import Findings
from seqtag.errors import InputError
from seqtag.schemes import Scheme

_SHOWN = 5
"""Examples kept for messages."""


@dataclass
class Example:
    """One sentence as the source has it."""

    tokens: list[str]
    tags: list[str] | None
    """In the source's scheme, or in IOB2 where `from_spans`; None where it has none."""
    place: str
    """`file:line` or `split, row`, for messages."""
    document_id: str | None = None
    text: str | None = None
    starts: list[int] | None = None
    """Character offsets of the tokens in `text`."""
    ends: list[int] | None = None
    labels: list[str] | None = None
    """Of the whole text; None where it has none, one of them but with `data.multi_label`."""
    from_spans: bool = False
    """The tags were made here, from character spans."""
    extra: dict[str, Any] = field(default_factory=dict)
    """The source's other columns."""


def split_labels(labels: list[str], config: DataConfig, place: str) -> list[str]:
    """The labels of a text, each once, in the order given. Raises InputError for several where a text has one."""
    if config.multi_label:
        if config.label_separator:
            labels = [part for label in labels for part in label.split(config.label_separator)]
        return list(dict.fromkeys(labels))
    if len(labels) != 1:
        raise InputError(f"{place}: {len(labels)} labels; a text has one unless data.multi_label is true")
    return labels


@dataclass
class Ledger:
    """Counts what reading changes, or raises in its place where `data.strict` is set."""

    source: str
    strict: bool
    scheme: Scheme | None = None
    counts: Counter[str] = field(default_factory=Counter)
    """By the field of Findings."""
    examples: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, findings: Findings) -> "Ledger":
        """An account opened again, to add to it."""
        return cls(findings.source, False, findings.scheme, findings.counts(), list(findings.examples))

    def note(self, kind: str, count: int, what: Callable[[], str], fatal: bool = True) -> None:
        """Add `count` to `kind`, or where strict and `fatal`, raise InputError with the message of `what`."""
        if not count:
            return
        if self.strict and fatal:
            raise InputError(f"{what()}; data.strict forbids mending it")
        self.counts[kind] += count
        if len(self.examples) < _SHOWN:
            self.examples.append(what())

    def findings(self) -> Findings:
        """The account, closed."""
        return Findings(self.source, self.scheme, **self.counts, examples=tuple(self.examples))


@runtime_checkable
class Reader(Protocol):
    """One data format."""

    def source(self, name: str) -> str:
        """How the split `name` is called in messages. Raises InputError where there is no such split or file."""
        ...

    def examples(self, name: str, ledger: Ledger) -> Iterator[Example]:
        """The sentences of a split, in order. May be called again for another pass."""
        ...

    def tags(self, name: str) -> Iterator[list[str]]:
        """Tag sequences of a split as the source has them, to find their scheme; none where it has no tags."""
        ...
