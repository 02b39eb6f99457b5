"""Predictions files: gold beside predicted, in CoNLL columns, or as JSONL where tokens do not fit into columns."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset

from seqtag.data.schema import DOCUMENT_ID, TAGS, TOKENS

_HEADER = "# columns: token, gold tag, predicted tag\n"


def write_predictions(dataset: Dataset, predicted: Sequence[Sequence[str]], directory: Path, name: str) -> Path:
    """Write `name.conll`: token, gold and predicted tag separated by TAB, a blank line after each sentence.

    The document and other plain columns of the source stand in comment lines before a sentence. Where a token is empty or
    holds white space that would break a line or a column, the whole split is written to `name.jsonl` instead, a sentence
    a line with `tokens`, `tags`, `predicted` and the source's columns.
    """
    directory.mkdir(parents=True, exist_ok=True)
    fits = not any(
        not token
        or token != token.strip()
        or any(char in token for char in "\t\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
        for tokens in dataset[TOKENS]
        for token in tokens
    )
    path = directory / f"{name}.{'conll' if fits else 'jsonl'}"
    staging = path.with_name(f".{path.name}.tmp")
    with open(staging, "w", encoding="utf-8", errors="surrogatepass", newline="\n") as file:
        if fits:
            file.write(_HEADER)
        for row, tags in zip(dataset, predicted, strict=True):
            file.writelines(_columns(row, tags) if fits else [json.dumps({**row, "predicted": tags}) + "\n"])
    os.replace(staging, path)
    return path


def _columns(row: dict[str, Any], predicted: Sequence[str]) -> Iterator[str]:
    for name, value in row.items():
        plain = isinstance(value, str | int | float) and not isinstance(value, bool)
        if (plain or name == DOCUMENT_ID) and value is not None:
            yield f"# {name} = {' '.join(str(value).split())}\n"
    for token, gold, tag in zip(row[TOKENS], row[TAGS], predicted, strict=True):
        yield f"{token}\t{gold}\t{tag}\n"
    yield "\n"
