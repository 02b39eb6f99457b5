"""A tagger without a network, and what the tests do with it: quick, and odd in the one way that matters."""

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from seqtag import tag
from seqtag.document import Document, Entity, InDocument
from seqtag.tagging.tagger import Tagger


def documents(given: Iterable[Any], **options: Any) -> Iterator[Document]:
    """Capitalised words are entities.

    As with a network, scores depend on the company, and more on purpose: on everything given before in the same call.
    """
    company = 0
    for one in given:
        company = zlib.crc32(repr(one).encode(), company)
        yield document(one.given if isinstance(one, InDocument) else one, company / 2**32)


def document(given: str | Sequence[str], score: float = 0.5) -> Document:
    """One of them."""
    if isinstance(given, str):
        text, offsets = given, [match.span() for match in re.finditer(r"[\w\0\ud800]+|[^\w\s]", given)]
    else:
        text, offsets, position = " ".join(given), [], 0
        for token in given:
            offsets.append((position, position + len(token)))
            position += len(token) + 1
    found = [(start, end) for start, end in offsets if text[start:end].istitle()]
    return Document(
        text,
        offsets,
        ["B-X" if span in found else "O" for span in offsets],
        [score] * len(offsets),
        [Entity(text[start:end], "X", start, end, score) for start, end in found],
        [(0, len(offsets))] * bool(offsets),
        pretokenized=not isinstance(given, str),
    )


class StandIn:
    """In place of a Tagger."""

    tag = staticmethod(documents)


def use(monkeypatch: pytest.MonkeyPatch, tagger: Any) -> None:
    """Let the command tag with it, and leave the settings of the process alone."""
    monkeypatch.setattr(Tagger, "load", staticmethod(lambda *_: tagger))
    monkeypatch.setattr("seqtag.process.tune_allocator", lambda: None)
    monkeypatch.setattr("seqtag.process.keep_compiled_programs", lambda: None)
    monkeypatch.setattr("seqtag.process.leave_loaded_objects_alone", lambda: None)


def run(*argv: object) -> None:
    """The command, with a model of no matter what name."""
    assert tag.main(["--model", "stand-in", *map(str, argv)]) == 0


def content(path: Path) -> Any:
    """What must be the same: bytes, or the table."""
    return pq.read_table(path) if path.suffix == ".parquet" else path.read_bytes()
