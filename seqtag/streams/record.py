"""What readers hand on and writers take: one text, or the tokens of one sentence, and what came with it."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol
from zlib import crc32

from seqtag.document import Document


@dataclass(frozen=True)
class Record:
    """One input."""

    place: str
    """`file:line`, for messages."""
    given: str | Sequence[str]
    """A raw text, or tokens."""
    carried: dict[str, Any] = field(default_factory=dict)
    """The other fields or columns."""
    lines: Sequence[str] = ()
    """Of CoNLL columns: the line of each token, up to where its tag is to stand."""
    before: Sequence[str] = ()
    """Of CoNLL columns: the lines before the sentence, as they are to be written."""
    document: str | None = None
    """The document that it is part of, as its neighbours of the same one are; None where it is one itself."""
    lists: Set[str] = frozenset()
    """Other columns that hold lists in every record, or nothing, where that is known."""

    def checksum(self, before: int) -> int:
        """CRC-32 of what was read, going on from that of the records before."""
        return crc32(repr((self.given, self.carried, self.lines, self.before, self.document)).encode(), before)


class BadRecord(NamedTuple):
    """What could not be read: a sentence that names the place, and what to do."""

    message: str

    def checksum(self, before: int) -> int:
        """CRC-32 as of a record, of the message."""
        return crc32(repr(self.message).encode(), before)


class RecordReader(Protocol):
    """One input format."""

    def __iter__(self) -> Iterator[Record | BadRecord]:
        """The records, in order."""
        ...

    size: int | None
    """Of the whole input; None where that is not known."""
    schema: Any
    """Arrow's, of Parquet; None of other formats."""

    def blank(self) -> Record | BadRecord:
        """A record of nothing, with the columns that others carry as far as the format tells."""
        ...

    def position(self) -> int:
        """How far it is, in the unit of `size`."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class Unwritable(Exception):  # noqa: N818 - what to do about it is decided by the command
    """A tagged record that the output format cannot hold; the message says why."""


class Writer(Protocol):
    """One output format."""

    def write(self, record: Record, document: Document) -> None:
        """Add a document. Raises Unwritable, and then has added nothing."""
        ...

    def mark(self) -> dict[str, Any]:
        """Put on disk what was written so far, and tell where to go on from."""
        ...

    def close(self) -> None:
        """Finish the output, so that it is a valid file of its format, whether or not all was written."""
        ...
