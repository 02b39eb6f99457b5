"""Sentences of any reader to a memory-mapped data set."""

import atexit
import functools
import shutil
import tempfile
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import datasets
from datasets.arrow_writer import ArrowWriter

from seqtag.data.example import Example
from seqtag.data.schema import DOCUMENT_ID, ENDS, LABELS, STARTS, TAGS, TEXT, TOKENS

_STRING = datasets.Value("string")
_OFFSETS = datasets.List(datasets.Value("int32"))
_FEATURES = {
    TOKENS: datasets.List(_STRING),
    TAGS: datasets.List(_STRING),
    DOCUMENT_ID: _STRING,
    TEXT: _STRING,
    STARTS: _OFFSETS,
    ENDS: _OFFSETS,
    LABELS: datasets.List(_STRING),
}
_ALWAYS = (TOKENS, TAGS, DOCUMENT_ID)


@functools.cache
def _folder() -> Path:
    """A temporary folder that goes when the process ends, so that nothing stale is ever read back."""
    path = Path(tempfile.mkdtemp(prefix="seqtag-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def row_of(example: Example) -> dict[str, Any]:
    """The columns of the schema, then the source's other ones."""
    row = {
        TOKENS: example.tokens,
        TAGS: example.tags,
        DOCUMENT_ID: example.document_id,
        TEXT: example.text,
        STARTS: example.starts,
        ENDS: example.ends,
        LABELS: example.labels,
    }
    return row | {name if name not in row else f"source_{name}": value for name, value in example.extra.items()}


def store(rows: Iterable[dict[str, Any]], features: datasets.Features | None = None) -> datasets.Dataset:
    """Write rows to Arrow as they come and map the file: a corpus need not fit into memory.

    The first row tells which columns there are and, without `features`, the types of those beyond the schema.
    Columns that stay empty are left out, `document_id` excepted.
    """
    remaining = iter(rows)
    first = next(remaining, None)
    if first is None:
        return datasets.Dataset.from_dict({TOKENS: [], TAGS: [], DOCUMENT_ID: []})
    path = _folder() / f"{len(list(_folder().iterdir()))}.arrow"
    empty = set(first).difference(_ALWAYS)
    with ArrowWriter(path=str(path), features=features or _features(first)) as writer:
        for row in chain([first], remaining):
            writer.write(row)
            if empty:
                empty = {name for name in empty if row[name] is None}
        writer.finalize()
    return datasets.Dataset.from_file(str(path)).remove_columns(list(empty))


def _features(row: dict[str, Any]) -> datasets.Features:
    """Types of the schema; of extra columns, lists of strings where the first row has one, else strings."""
    return datasets.Features(
        {
            name: _FEATURES.get(name) or (datasets.List(_STRING) if isinstance(value, list) else _STRING)
            for name, value in row.items()
        }
    )
