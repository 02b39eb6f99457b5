"""What `seqtag tag` reads: lines of text, JSON lines, CoNLL columns and Parquet, from a file or standard input.

Nothing is decoded by guesswork and nothing passed over in silence: what cannot be read comes out as a BadRecord.
"""

import sys
from pathlib import Path

from seqtag.errors import InputError
from seqtag.streams.conll_reader import ConllRecords
from seqtag.streams.line_readers import JsonlRecords, TextRecords
from seqtag.streams.record import RecordReader

FORMATS = {
    "text": (".txt", ".text"),
    "jsonl": (".jsonl", ".ndjson", ".json"),
    "conll": (".conll", ".iob", ".iob2", ".bio", ".tsv"),
    "parquet": (".parquet",),
}
"""Formats and the extensions they are known by; anything else is text."""


def open_reader(
    name: str, kind: str | None, whole: bool, text_column: str | None, token_column: str | None
) -> RecordReader:
    """The reader of a file, or of standard input where `name` is `-`.

    Args:
        name: path, or `-`.
        kind: one of FORMATS; None goes by the extension.
        whole: the whole input is one text; for `text` only.
        text_column: field of the text (jsonl, parquet); None means `text`.
        token_column: field of the tokens, `tokens` where None; for conll the number of their column, 0 where None.

    Raises InputError where the file cannot be read, or the settings do not fit the format.
    """
    path = None if name == "-" else Path(name)
    if kind is None:
        kind = next((known for known, ends in FORMATS.items() if path and path.suffix.lower() in ends), "text")
    if whole and kind != "text":
        raise InputError(f"--whole: makes one text of a file of text, which {name} is not (--format {kind})")
    if text_column is not None and kind not in ("jsonl", "parquet"):
        raise InputError(f"--text-column: {kind} has no named columns; see --format")
    if token_column is not None and kind == "text":
        raise InputError("--token-column: text has no columns; see --format")
    if kind == "parquet":
        if path is None:
            raise InputError("--format parquet: cannot come from standard input; name a file with --input")
        from seqtag.streams.parquet_reader import ParquetRecords  # here alone: others need not wait for PyArrow

        return ParquetRecords(path, text_column, token_column)
    number = _number(token_column) if kind == "conll" else 0
    if path is None and sys.stdin is None:
        raise InputError("--input -: standard input is closed; name a file")
    try:
        file = sys.stdin.buffer if path is None else open(path, "rb")  # noqa: SIM115 - the reader closes it
    except OSError as error:
        raise InputError(f"--input {path}: cannot be read: {error.strerror}") from error
    source = "<stdin>" if path is None else str(path)
    if kind == "jsonl":
        return JsonlRecords(file, source, text_column, token_column)
    if kind == "conll":
        return ConllRecords(file, source, number)
    return TextRecords(file, source, whole)


def _number(token_column: str | None) -> int:
    try:
        return 0 if token_column is None else int(token_column)
    except ValueError as error:
        raise InputError(f"--token-column {token_column}: for conll it is a number, counted from 0") from error
