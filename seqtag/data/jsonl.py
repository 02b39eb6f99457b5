"""JSON lines: tokens with tags, or text with character spans; also what annotation tools export.

A record is one of
- `tokens` and `tags`;
- `text` and `entities`: objects with `start`, `end`, `label`, or lists `[start, end, label]`;
- Prodigy: `text`, `spans`, and `tokens` of its own (`start`, `end`), which are then used; a record whose `answer` is
  not `accept` is left out and counted;
- doccano: `text` or `data`, and `label`, `labels` or `entities` (with `start_offset`, `end_offset`);
- Label Studio: `data.text` with `annotations[].result[].value` (`start`, `end`, `labels`), of which the first
  annotation that was not cancelled is taken; or its short form, `text` and `label` as objects with `start`, `end`,
  `labels`. A JSON array in a `.json` file is read as its elements.

`label`, `intent` or `sentiment` labels the whole text; `document_id` is kept; all other fields are carried along, those
that are not strings as JSON text. `data.token_column`, `data.tag_column`, `data.text_column` and `data.label_column`
name fields that are called otherwise; `data.tag_column` may also name the field of the spans.

How spans become tags stands in `alignment.py`.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqtag.config import DataConfig
from seqtag.data.alignment import CharacterSpan, align
from seqtag.data.example import Example, Ledger, split_labels
from seqtag.data.files import as_text, find_file, parse_json, read_lines
from seqtag.errors import InputError
from seqtag.schemes import spans_to_tags
from seqtag.tokenization import tokenize

EXTENSIONS = (".jsonl", ".json", ".ndjson")
_SPANS = ("entities", "spans", "label", "labels")
_LABELS = ("label", "intent", "sentiment", "labels")

Record = dict[str, Any]


class JsonlReader:
    """Files of JSON lines in the folder `data.path`."""

    def __init__(self, config: DataConfig) -> None:
        self.config = config

    def source(self, name: str) -> str:
        """The path of the file."""
        return str(self._path(name))

    def tags(self, name: str) -> Iterator[list[str]]:
        """The tags of records that have them; what is wrong with a record is said when it is read."""
        for place, record in _records(self._path(name)):
            tags = record.get(str(self.config.tag_column or "tags"))
            if tags and _are_numbers(tags) and self.config.label_names:
                yield [_named(tag, self.config.label_names, place) for tag in tags]
            elif tags and _are_strings(tags):
                yield tags

    def examples(self, name: str, ledger: Ledger) -> Iterator[Example]:
        """Its records. Raises InputError that names file and line."""
        path = self._path(name)
        fields: dict[str, None] = {}  # of all records: Arrow wants the columns before the first row
        for _, record in _records(path):
            fields |= dict.fromkeys(record)
        for place, record in _records(path):
            if reason := _unanswered(record):
                ledger.note("left_out", 1, lambda what=f"{place}: {reason}": what, fatal=False)
                continue
            example = example_of_record(record, place, self.config, ledger)
            example.extra = {name: example.extra.get(name) for name in fields}
            yield example

    def _path(self, name: str) -> Path:
        assert self.config.path is not None
        return find_file(self.config.path, name, EXTENSIONS)


def example_of_record(record: Record, place: str, config: DataConfig, ledger: Ledger) -> Example:
    """One record of any of the shapes. Raises InputError that names its place."""
    rest = dict(record)  # what is understood is taken out; what remains is carried along
    text = _take_text(rest, place, config)
    tokens = rest.pop(str(config.token_column or "tokens"), None)
    document = rest.pop("document_id", None)
    spans: list[CharacterSpan] = []
    tags = _take_tags(rest, place, config)
    if tags is None:
        spans = _take_spans(rest, place, config)
    # Names are those of the tags, where these are numbers.
    label_names = None if _are_numbers(record.get(str(config.tag_column or "tags"))) else config.label_names
    labels = _take_labels(rest, place, config, label_names)
    example = Example(
        tokens=[],
        tags=tags,
        place=place,
        document_id=None if document is None else str(document),
        labels=labels,
    )
    if tags is not None or (text is None and tokens is not None):
        if spans:
            raise InputError(f"{place}: spans need the text that their characters are counted in; see data.text_column")
        if not _are_strings(tokens):
            raise InputError(f"{place}: tokens and tags must be lists of strings; see data.token_column")
        example.tokens = tokens
        if text is not None:
            rest["text"] = text
    elif text is None:
        raise InputError(f"{place}: neither tokens nor text in the record; see data.token_column and data.text_column")
    else:
        offsets = _own_tokens(tokens, text, place) if tokens else tokenize(text)
        example.text = text
        example.starts, example.ends = [start for start, _ in offsets], [end for _, end in offsets]
        example.tokens = [text[start:end] for start, end in offsets]
        example.tags = spans_to_tags(align(spans, offsets, text, place, ledger), len(offsets), "IOB2")
        example.from_spans = True
    example.extra = {name: as_text(value) for name, value in rest.items()}
    return example


def _records(path: Path) -> Iterator[tuple[str, Record]]:
    """Each record and its place."""
    lines = read_lines(path)
    if path.suffix == ".json":
        numbered = list(lines)
        text = "\n".join(line for _, line in numbered)
        if text.lstrip().startswith("["):
            for number, record in enumerate(_parse(text, str(path)), 1):
                yield f"{path}: record {number}", _object(record, f"{path}: record {number}")
            return
        lines = iter(numbered)
    for number, line in lines:
        if line.strip():
            place = f"{path}:{number}"
            yield place, _object(_parse(line, place), place)


def _unanswered(record: Record) -> str | None:
    """How its annotator declined to annotate a record; None where there is an annotation."""
    if "_input_hash" in record and record.get("answer", "accept") != "accept":  # Prodigy
        return f"its answer is {record['answer']}"
    annotations = record.get("annotations")
    if isinstance(record.get("data"), dict) and isinstance(annotations, list):  # Label Studio
        if not annotations:
            return "it has no annotation"
        if all(isinstance(one, dict) and one.get("was_cancelled") for one in annotations):
            return "its annotations are cancelled"
    return None


def _parse(text: str, place: str) -> Any:
    try:
        value = parse_json(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{place}: half of a surrogate pair (\\ud8..) is not text; mend the escape") from error
    except ValueError as error:
        raise InputError(f"{place}: {error}") from error
    return value


def _object(record: Any, place: str) -> Record:
    if not isinstance(record, dict):
        raise InputError(f"{place}: not a JSON object; each record must be one")
    return record


def _are_strings(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int for value in values)


def _take_text(rest: Record, place: str, config: DataConfig) -> str | None:
    name = config.text_column or "text"
    text = rest.pop(name, None)
    if text is None and "data" in rest:
        data = rest["data"]
        if isinstance(data, dict):  # Label Studio
            rest["data"] = {key: value for key, value in data.items() if key != name} or None
            text = data.get(name)
        else:  # doccano
            text = rest.pop("data")
    if text is not None and not isinstance(text, str):
        raise InputError(f"{place}: the text is not a string")
    return text


def _take_tags(rest: Record, place: str, config: DataConfig) -> list[str] | None:
    name = str(config.tag_column or "tags")
    if config.tag_column and isinstance(rest.get(name), list) and any(isinstance(tag, dict) for tag in rest[name]):
        return None  # spans
    tags = rest.pop(name, None)
    if config.label_names and _are_numbers(tags):
        return [_named(tag, config.label_names, place) for tag in tags]
    if tags is not None and not _are_strings(tags):
        raise InputError(
            f"{place}: tokens and tags must be lists of strings, tags else of numbers that data.label_names names"
        )
    return tags


def _take_labels(rest: Record, place: str, config: DataConfig, label_names: list[str] | None) -> list[str] | None:
    names = (config.label_column,) if config.label_column else _LABELS
    found = [name for name in names if rest.get(name) is not None and (config.multi_label or rest[name] != [])]
    if len(found) > 1:
        raise InputError(f"{place}: has {' and '.join(found)}; choose with data.label_column")
    if not found:
        return None
    given = rest.pop(found[0])

    def name(label: Any) -> str:
        if type(label) is int and label_names:
            return _named(label, label_names, place)
        if not isinstance(label, str | int):
            raise InputError(f"{place}: {found[0]} is neither a string nor a whole number")
        return str(as_text(label))

    return split_labels([name(label) for label in (given if isinstance(given, list) else [given])], config, place)


def _named(number: int, names: list[str], place: str) -> str:
    if not 0 <= number < len(names):
        raise InputError(f"{place}: {number} has no name; data.label_names has {len(names)}, for 0 to {len(names) - 1}")
    return names[number]


def _take_spans(rest: Record, place: str, config: DataConfig) -> list[CharacterSpan]:
    names = (str(config.tag_column),) if config.tag_column else _SPANS
    # A list of strings is a label of the text, as doccano has it.
    name = next((name for name in names if isinstance(rest.get(name), list) and not _are_strings(rest[name])), None)
    spans: list[Any] = rest.pop(name) if name else []
    for field in (str(config.tag_column),) if config.tag_column else ("entities", "spans"):
        if rest.get(field) == []:
            del rest[field]
        elif rest.get(field) is not None:
            raise InputError(
                f"{place}: {field} is no list of spans, objects with start, end and label; write them so, or name "
                "their field with data.tag_column"
            )
    annotations: Any = rest.get("annotations")
    if _are_label_studios(annotations):
        del rest["annotations"]
        taken = next((entry for entry in annotations if not entry.get("was_cancelled")), {})
        values = [result.get("value") for result in taken.get("result") or [] if isinstance(result, dict)]
        spans += [value for value in values if isinstance(value, dict) and "labels" in value]
        choices = [choice for value in values if isinstance(value, dict) for choice in value.get("choices") or []]
        if choices:
            rest.setdefault(config.label_column or "label", choices)
    return [_character_span(span, place) for span in spans]


def _are_label_studios(annotations: Any) -> bool:
    """Whether they are the annotations of a task of Label Studio; those of others are carried along."""
    is_list = isinstance(annotations, list) and all(isinstance(annotation, dict) for annotation in annotations)
    return is_list and any("result" in annotation for annotation in annotations)


def _character_span(span: Any, place: str) -> CharacterSpan:
    if isinstance(span, dict):
        label = span.get("label", span.get("labels"))
        start, end = span.get("start", span.get("start_offset")), span.get("end", span.get("end_offset"))
    else:
        start, end, label = span if isinstance(span, list) and len(span) == 3 else (None, None, None)
    if isinstance(label, list) and len(label) == 1:
        label = label[0]
    if not (type(start) is int and type(end) is int and isinstance(label, str) and label):
        raise InputError(
            f"{place}: entity {json.dumps(span)} needs start and end (whole numbers) and one label (a string)"
        )
    return CharacterSpan(start, end, label)


def _own_tokens(tokens: Any, text: str, place: str) -> list[tuple[int, int]]:
    """Offsets of tokens that a record has itself: as it gives them, or by finding the strings one after another."""
    offsets: list[tuple[int, int]] = []
    for token in tokens if isinstance(tokens, list) else [tokens]:
        after = offsets[-1][1] if offsets else 0
        if isinstance(token, dict):
            start, end = token.get("start"), token.get("end")
        else:
            start = text.find(token, after) if isinstance(token, str) else -1
            end = start + len(token) if start >= 0 else -1
        if not (isinstance(start, int) and isinstance(end, int) and after <= start < end <= len(text)):
            raise InputError(f"{place}: token {json.dumps(token)} is not where it should be in the text")
        offsets.append((start, end))
    return offsets
