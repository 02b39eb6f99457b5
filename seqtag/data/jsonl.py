"""JSON lines: tokens with tags, or text with character spans; also what annotation tools export.

A record is one of
- `tokens` and `tags`;
- `text` and `entities`: objects with `start`, `end`, `label`, or lists `[start, end, label]`;
- Prodigy: `text`, `spans`, and `tokens` of its own (`start`, `end`), which are then used;
- doccano: `text` or `data`, and `label` or `labels` as `[[start, end, label], …]`;
- Label Studio: `data.text` with `annotations[].result[].value` (`start`, `end`, `labels`), or its short form, `text` and
  `label` as objects with `start`, `end`, `labels`. A JSON array in a `.json` file is read as its elements.

`label`, `intent` or `sentiment` labels the whole text; `document_id` is kept; all other fields are carried along, those
that are not strings as JSON text.

Spans count characters, end exclusive. One that does not fall on token boundaries is widened to the tokens it touches; of
two that overlap the longer is kept, the earlier of equals. Both are counted, and fatal with `data.strict`.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqtag.config import DataConfig
from seqtag.data.example import Example, Ledger
from seqtag.data.files import find_file, read_lines
from seqtag.errors import InputError
from seqtag.schemes import Span, spans_to_tags
from seqtag.tokenization import tokenize

EXTENSIONS = (".jsonl", ".json", ".ndjson")
_LABELS = ("label", "intent", "sentiment")
_USED = {"tokens", "tags", "text", "entities", "spans", "data", "annotations", "labels", "document_id", *_LABELS}

CharacterSpan = tuple[int, int, str]


class JsonlReader:
    """Files of JSON lines in the folder `data.path`."""

    def __init__(self, config: DataConfig) -> None:
        self.config = config

    def source(self, name: str) -> str:
        """The path of the file."""
        return str(self._path(name))

    def examples(self, name: str, ledger: Ledger) -> Iterator[Example]:
        """Its records. Raises InputError that names file and line."""
        path = self._path(name)
        extra: dict[str, None] = {}  # every field that any record has beside those that are understood
        for _, record in _records(path):
            extra |= dict.fromkeys(name for name in record if name not in _USED)
        for place, record in _records(path):
            example = example_of_record(record, place, self.config, ledger)
            example.extra = {name: _as_text(record.get(name)) for name in extra}
            yield example

    def _path(self, name: str) -> Path:
        assert self.config.path is not None
        return find_file(self.config.path, name, EXTENSIONS, "data.train, data.validation and data.test name files:")


def example_of_record(record: dict[str, Any], place: str, config: DataConfig, ledger: Ledger) -> Example:
    """One record of any of the shapes. Raises InputError that names its place."""
    text = _text(record, place, config)
    tokens = record.get(str(config.token_column or "tokens"))
    tags = record.get(str(config.tag_column or "tags"))
    label = _label(record, place, config)
    document = record.get("document_id")
    document_id = None if document is None else str(document)
    if tags is not None or (text is None and tokens is not None):
        if not _are_strings(tokens) or not (tags is None or _are_strings(tags)):
            raise InputError(f"{place}: tokens and tags must be lists of strings")
        return Example(tokens, tags, place, document_id, label=label)
    if text is None:
        raise InputError(f"{place}: neither tokens nor text in the record; see data.token_column and data.text_column")
    offsets = _own_tokens(tokens, text, place) if tokens else tokenize(text)
    if not offsets:
        raise InputError(f"{place}: the text holds no token; remove the record")
    spans = _aligned(_character_spans(record, text, place), offsets, text, place, ledger)
    return Example(
        tokens=[text[start:end] for start, end in offsets],
        tags=spans_to_tags(spans, len(offsets), "IOB2"),
        place=place,
        document_id=document_id,
        text=text,
        starts=[start for start, _ in offsets],
        ends=[end for _, end in offsets],
        label=label,
        extra={name: _as_text(value) for name, value in record.items() if name not in _USED},
    )


def _records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each record and its place."""
    lines = read_lines(path)
    if path.suffix == ".json":
        text = "\n".join(line for _, line in lines)
        if text.lstrip().startswith("["):
            for number, record in enumerate(_parse(text, str(path)), 1):
                yield f"{path}: record {number}", _object(record, f"{path}: record {number}")
            return
        lines = iter(list(enumerate(text.split("\n"), 1)))
    for number, line in lines:
        if line.strip():
            place = f"{path}:{number}"
            yield place, _object(_parse(line, place), place)


def _parse(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(f"{place}: not valid JSON ({error})") from error


def _object(record: Any, place: str) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise InputError(f"{place}: not a JSON object")
    return record


def _are_strings(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text(record: dict[str, Any], place: str, config: DataConfig) -> str | None:
    data = record.get("data")
    text = record.get(config.text_column or "text", data.get("text") if isinstance(data, dict) else data)
    if text is not None and not isinstance(text, str):
        raise InputError(f"{place}: the text is not a string")
    return text


def _label(record: dict[str, Any], place: str, config: DataConfig) -> str | None:
    names = (config.label_column,) if config.label_column else _LABELS
    found = [record[name] for name in names if record.get(name) is not None]
    found = [value for value in found if not isinstance(value, list)]  # spans, as doccano and Label Studio have them
    if len(found) > 1:
        raise InputError(f"{place}: more than one of {', '.join(names)}; choose with data.label_column")
    if found and not isinstance(found[0], str | int | bool):
        raise InputError(f"{place}: the label is neither a string nor a number")
    if found and isinstance(found[0], int) and config.label_names:
        if not 0 <= found[0] < len(config.label_names):
            raise InputError(f"{place}: label {found[0]} has no name in data.label_names")
        return config.label_names[found[0]]
    return str(found[0]) if found else None


def _character_spans(record: dict[str, Any], text: str, place: str) -> list[CharacterSpan]:
    spans: list[Any] = []
    for name in ("entities", "spans", "label", "labels"):
        if isinstance(record.get(name), list):
            spans = record[name]
            break
    for annotation in (record.get("annotations") or [])[:1]:  # the first annotator's
        results = annotation.get("result", []) if isinstance(annotation, dict) else []
        spans = [result["value"] for result in results if isinstance(result, dict) and "value" in result]
    return [_character_span(span, text, place) for span in spans]


def _character_span(span: Any, text: str, place: str) -> CharacterSpan:
    if isinstance(span, dict):
        label = span.get("label", span.get("labels"))
        start, end = span.get("start", span.get("start_offset")), span.get("end", span.get("end_offset"))
    else:
        start, end, label = span if isinstance(span, list) and len(span) == 3 else (None, None, None)
    label = label[0] if isinstance(label, list) and label else label
    if not (isinstance(start, int) and isinstance(end, int) and isinstance(label, str) and label):
        raise InputError(f"{place}: entity {json.dumps(span)} needs start and end (numbers) and label (a string)")
    if not 0 <= start < end <= len(text):
        raise InputError(
            f"{place}: entity {json.dumps(span)} is empty or lies outside the text of {len(text)} characters"
        )
    return start, end, label


def _own_tokens(tokens: Any, text: str, place: str) -> list[tuple[int, int]]:
    """Offsets of tokens that a record brings itself: with offsets, or as strings found in the text one after another."""
    offsets: list[tuple[int, int]] = []
    for token in tokens:
        after = offsets[-1][1] if offsets else 0
        if isinstance(token, dict):
            start, end = token.get("start"), token.get("end")
        else:
            start = text.find(token, after) if isinstance(token, str) else -1
            end = start + len(token)
        if not (isinstance(start, int) and isinstance(end, int) and after <= start < end <= len(text)):
            raise InputError(f"{place}: token {json.dumps(token)} is not where it should be in the text")
        offsets.append((start, end))
    return offsets


def _aligned(
    spans: list[CharacterSpan], offsets: list[tuple[int, int]], text: str, place: str, ledger: Ledger
) -> list[Span]:
    """Spans of tokens; the rules are those of the module's head."""
    starts = {start: index for index, (start, _) in enumerate(offsets)}
    ends = {end: index + 1 for index, (_, end) in enumerate(offsets)}
    found: list[Span] = []
    for start, end, label in spans:
        first, last = starts.get(start), ends.get(end)
        if first is None or last is None:
            shown = repr(text[start:end])
            touched = [index for index, (begin, stop) in enumerate(offsets) if begin < end and stop > start]
            if not touched:
                raise InputError(f"{place}: {label} {shown} holds no token")
            first, last = touched[0], touched[-1] + 1
            ledger.note(
                "misaligned", 1, lambda shown=shown, label=label: f"{place}: {label} {shown} is off token boundaries"
            )
        found.append(Span(label, first, last))
    kept: list[Span] = []
    for span in sorted(found, key=lambda span: (span.start - span.end, span.start)):
        if any(span.start < other.end and other.start < span.end for other in kept):
            ledger.note("overlapping", 1, lambda span=span: f"{place}: {span.label} overlaps another entity")
        else:
            kept.append(span)
    return sorted(kept, key=lambda span: span.start)
