"""Predictions files, written and read: gold beside predicted, in CoNLL columns, or JSONL where columns do not fit."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from datasets import Dataset

from seqtag.data.columns import DOCUMENT_START
from seqtag.data.files import read_lines, write_whole
from seqtag.data.schema import DOCUMENT_ID, LABELS, TAGS, TOKENS
from seqtag.decoding.outputs import Prediction
from seqtag.errors import InputError
from seqtag.evaluation.labels import decide
from seqtag.vocabulary import Vocabulary

_SENTENCE_ID = "sentence_id"
_BREAKS = re.compile(r"[\t\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
"""What some reader or other takes for the end of a column or of a line."""


class _DoesNotFit(Exception):  # noqa: N818 - not an error: it chooses the format
    """Columns would not be read back as they were."""


def write_predictions(
    dataset: Dataset, predicted: Sequence[Prediction], vocabulary: Vocabulary, directory: Path, name: str
) -> Path:
    """Write `name.conll` whole or not at all, and return its path.

    A token a line: the token, the source's other columns of strings, gold tag, predicted tag, separated by TAB; a blank
    line after each sentence. `# newdoc id = …` begins a document, and the source's plain values stand in comment lines
    `# name = value` before a sentence, runs of white space as one space.

    Where that would not be read back as it was (a token is empty, holds TAB or a line break, or reads like a comment or
    a document's start; a label holds what separates several; sentences with and without document), the whole split is
    written to `name.jsonl` instead, a sentence a line with `tokens`, `tags`, `predicted` and the source's columns.

    A model that labels texts adds `predicted_labels` and `predicted_score`, their probability; one that does nothing
    else writes JSONL, without tags.
    """
    directory.mkdir(parents=True, exist_ok=True)
    rows = _Rows(dataset, predicted, vocabulary)
    try:
        if not vocabulary.tags:
            raise _DoesNotFit
        path = directory / f"{name}.conll"
        write_whole(path, _conll(rows))
    except _DoesNotFit:
        path = directory / f"{name}.jsonl"
        write_whole(path, _jsonl(rows))
    return path


class _Rows:
    """Rows of the data set, each with what is predicted of it."""

    def __init__(self, dataset: Dataset, predicted: Sequence[Prediction], vocabulary: Vocabulary) -> None:
        self.dataset = dataset
        self.predicted = predicted
        self.vocabulary = vocabulary

    def __iter__(self) -> Iterator[tuple[Mapping[str, Any], Prediction]]:
        for row, prediction in zip(self.dataset, self.predicted, strict=True):
            assert isinstance(row, Mapping)
            yield {**row, **self._labels(prediction)}, prediction

    def _labels(self, prediction: Prediction) -> dict[str, Any]:
        probabilities = prediction.label_probabilities
        if probabilities is None:
            return {}
        labels = decide(probabilities, self.vocabulary.classes, self.vocabulary.multi_label)
        score = float(probabilities.max()) if not self.vocabulary.multi_label else None
        return {"predicted_labels": labels, **({} if score is None else {"predicted_score": round(score, 6)})}


def _jsonl(rows: _Rows) -> Iterator[str]:
    for row, prediction in rows:
        if rows.vocabulary.tags:
            values = {**row, "predicted": prediction.tags}
        else:
            values = {name: value for name, value in row.items() if name != TAGS}
        yield json.dumps(values, default=str) + "\n"


def _conll(rows: _Rows) -> Iterator[str]:
    """The lines of the file. Raises _DoesNotFit where they would not be read back."""
    dataset = rows.dataset
    carried = [
        name for name in dataset.column_names if name not in (TOKENS, TAGS, LABELS) and _is_strings(dataset, name)
    ]
    yield f"# columns: {_one_line(', '.join(['token', *carried, 'gold tag', 'predicted tag']))}\n"
    document = None
    for index, (row, prediction) in enumerate(rows):
        if index and (row[DOCUMENT_ID] is None) != (document is None):
            raise _DoesNotFit
        if row[DOCUMENT_ID] != document:
            document = row[DOCUMENT_ID]
            yield f"# newdoc id = {_one_line(document)}\n"
        for name, value in row.items():
            if name in (LABELS, "predicted_labels") and value is not None:
                value = _joined(value)
            elif " = " in name or _one_line(name) in (LABELS, "predicted_labels"):
                raise _DoesNotFit
            if isinstance(value, str | int | float) and not isinstance(value, bool) and name != DOCUMENT_ID:
                yield f"# {'sent_id' if name == _SENTENCE_ID else _one_line(name)} = {_one_line(value)}\n"
        for fields in zip(row[TOKENS], *(row[name] for name in carried), row[TAGS], prediction.tags, strict=True):
            yield _line(fields)
        yield "\n"


class Judged(NamedTuple):
    """What a predictions file tells of a sentence. Tags, or labels, are None where the model gives none."""

    tokens: list[str]
    gold: list[str] | None
    predicted: list[str] | None
    gold_labels: list[str] | None
    """None too where they are not known."""
    predicted_labels: list[str] | None

    @property
    def has_wrong_labels(self) -> bool:
        """Whether labels that are known are not those that are predicted, in any order."""
        gold, predicted = self.gold_labels, self.predicted_labels
        return gold is not None and predicted is not None and sorted(gold) != sorted(predicted)


def read_predictions(directory: Path, name: str) -> list[Judged]:
    """What `write_predictions` wrote. Raises InputError where there is no such file, or it is not one."""
    for path, read in ((directory / f"{name}.conll", _read_conll), (directory / f"{name}.jsonl", _read_jsonl)):
        if path.is_file():
            return list(read(path))
    present = ", ".join(sorted(path.stem for path in directory.glob("*.*"))) or "none"
    raise InputError(f"{directory}: holds no predictions of the {name} part, only: {present}; name it with --split")


def _read_jsonl(path: Path) -> Iterator[Judged]:
    for number, line in read_lines(path):
        try:
            row = json.loads(line)
            tokens = row[TOKENS]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}:{number}: is no line of a predictions file; train the run again") from error
        yield Judged(tokens, row.get(TAGS), row.get("predicted"), row.get(LABELS), row.get("predicted_labels"))


def _read_conll(path: Path) -> Iterator[Judged]:
    columns: list[list[str]] = []
    comments: dict[str, str] = {}
    for number, line in read_lines(path):
        if line.startswith("# "):
            field, _, value = line[2:].partition(" = ")
            comments[field] = value
        elif line:
            fields = line.split("\t")
            if len(fields) < 3:
                raise InputError(f"{path}:{number}: is no line of a predictions file; train the run again")
            columns.append(fields)
        else:
            labels, predicted = comments.get(LABELS), comments.get("predicted_labels")
            yield Judged(
                tokens=[fields[0] for fields in columns],
                gold=[fields[-2] for fields in columns],
                predicted=[fields[-1] for fields in columns],
                gold_labels=None if labels is None else _listed(labels),
                predicted_labels=None if predicted is None else _listed(predicted),
            )
            columns, comments = [], {}


def _joined(labels: Sequence[str]) -> str:
    """As `_listed` reads it. Raises _DoesNotFit where it could not."""
    if any(not label or ", " in label or label != _one_line(label) for label in labels):
        raise _DoesNotFit
    return ", ".join(labels)


def _listed(text: str) -> list[str]:
    return text.split(", ") if text else []


def _is_strings(dataset: Dataset, name: str) -> bool:
    """Whether a column holds a string a token, as the other columns of CoNLL files do."""
    element = getattr(dataset.features[name], "feature", None)
    return getattr(element, "dtype", None) == "string" and all(
        values is not None and None not in values and len(values) == len(tokens)
        for values, tokens in zip(dataset[name], dataset[TOKENS], strict=True)
    )


def _line(fields: Sequence[str]) -> str:
    line = "\t".join(fields)
    token = fields[0]
    if (
        not token.strip()
        or token != token.strip()
        or DOCUMENT_START in fields
        or line.count("\t") != len(fields) - 1
        or any(_BREAKS.search(field) for field in fields)
        or (token[0] == "#" and (" " in token or "=\t" in line))
    ):
        raise _DoesNotFit
    return line + "\n"


def _one_line(value: Any) -> str:
    return " ".join(str(value).split())
