"""Data sets of the Hugging Face Hub, or local folders in the Hub's layout.

Columns are guessed from the features: `tokens` or `words`; `ner_tags`, `tags`, `labels`, `slots` or `ner`; `text` or
`sentence`; `label`, `intent` or `sentiment`. Integer tags and labels get their names from `ClassLabel`, else from
`data.label_names`, which name the tags where both are plain integers. Other columns are carried along, those that are
not strings as JSON text. Rows without a token are left out and counted: only the owner of the set could mend them.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import datasets
from datasets import ClassLabel, Dataset, DatasetDict

from seqtag.config import DataConfig
from seqtag.data.example import Example, Ledger, split_labels
from seqtag.data.files import as_text
from seqtag.errors import InputError
from seqtag.tokenization import tokenize

_TOKENS = ("tokens", "words")
_TAGS = ("ner_tags", "tags", "labels", "slots", "ner")
_TEXTS = ("text", "sentence")
_LABELS = ("label", "intent", "sentiment")
_BATCH = 1000


class HubReader:
    """One data set, loaded when first asked for."""

    def __init__(self, config: DataConfig) -> None:
        self.config = config
        self._loaded: DatasetDict | None = None

    def source(self, name: str) -> str:
        """`id split NAME`. Raises InputError where the data set has no such split."""
        splits = self._splits()
        if name not in splits:
            raise InputError(f"{self.config.path}: no split {name!r}; the data set has {', '.join(map(str, splits))}")
        return f"{self.config.path} split {name}"

    def examples(self, name: str, ledger: Ledger) -> Iterator[Example]:
        """The rows of a split. Raises InputError that names split and row."""
        source = self.source(name)
        dataset = self._splits()[name]
        columns = _Columns(dataset, self.config, source)
        for first in range(0, len(dataset), _BATCH):
            batch = dataset[first : first + _BATCH]
            for row, values in enumerate(zip(*batch.values(), strict=True), first):
                example = columns.example(dict(zip(batch, values, strict=True)), f"{source} row {row}")
                if example.tokens:
                    yield example
                else:
                    ledger.note("left_out", 1, lambda place=example.place: f"{place}: no token in it", fatal=False)

    def tags(self, name: str) -> Iterator[list[str]]:
        """The tags of its rows, where there is a column of them."""
        dataset = self._splits()[name]
        source = self.source(name)
        columns = _Columns(dataset, self.config, source)
        if columns.tags is not None:
            batches: Any = dataset.select_columns([columns.tags]).iter(_BATCH)
            for row, tags in enumerate(chain.from_iterable(batch[columns.tags] for batch in batches)):
                if isinstance(tags, list):
                    yield [_name(tag, columns.tag_names, f"{source} row {row}") for tag in tags]

    def _splits(self) -> DatasetDict:
        if self._loaded is None:
            self._loaded = _load(self.config)
        return self._loaded


def _load(config: DataConfig) -> DatasetDict:
    path = config.path
    assert path is not None
    local = Path(path).exists()
    datasets.disable_progress_bars()
    try:
        loaded = datasets.load_dataset(path, name=config.subset, revision=None if local else config.revision)
    except Exception as error:  # many kinds, from four libraries
        message = " ".join(str(error).split())
        if "scripts are no longer supported" in message:
            # Not by the type of the error: it is a plain RuntimeError.
            raise InputError(
                f"data.path {path}: the repository is only a loading script, which is not run; set data.revision to "
                "refs/convert/parquet, the branch to which the Hub converts such sets"
            ) from error
        if not local and (path.startswith((".", "/", "~")) or path.count("/") > 1):
            raise InputError(f"data.path {path}: there is no such folder") from error
        if isinstance(error, ConnectionError):
            raise InputError(
                f"data.path {path}: cannot be loaded, since there is no such folder and the Hub cannot be reached "
                f"({message[:200]})"
            ) from error
        if "Config name is missing" in message or "BuilderConfig" in message:
            shown = message.partition("available configs:")[2].partition("Example")[0].strip() or message[:200]
            raise InputError(
                f"data.path {path}: has several configurations; set data.subset to one of {shown}"
            ) from error
        raise InputError(f"data.path {path}: cannot be loaded as a data set: {message[:300]}") from error
    if not isinstance(loaded, DatasetDict):
        raise InputError(f"data.path {path}: has no splits")
    return loaded


class _Columns:
    """Which column is what, and how integers are named."""

    def __init__(self, dataset: Dataset, config: DataConfig, source: str) -> None:
        self.config = config
        features = dataset.features
        lists = [name for name, feature in features.items() if _element(feature) is not None]
        plain = [name for name in features if name not in lists]
        self.tokens = _choose(config.token_column, _TOKENS, lists, features, "data.token_column", source)
        self.text = _choose(config.text_column, _TEXTS, plain, features, "data.text_column", source)
        fitting = [*plain, *lists] if config.multi_label else plain
        guesses = (*_LABELS, "labels") if config.multi_label else _LABELS
        self.label = _choose(config.label_column, guesses, fitting, features, "data.label_column", source)
        other_lists = [name for name in lists if name != self.label]
        self.tags = _choose(config.tag_column, _TAGS, other_lists, features, "data.tag_column", source)
        if self.tokens is None and self.text is None:
            raise InputError(
                f"{source}: no column of tokens or text among {', '.join(features)}; set data.token_column or "
                "data.text_column"
            )
        self.tag_names = self._names(self.tags, features, config.label_names, source)
        # Of two columns of plain integers, data.label_names names the tags.
        left = config.label_names if self.tag_names is not config.label_names else None
        self.label_names = self._names(self.label, features, left, source)
        used = {self.tokens, self.tags, self.text, self.label, "document_id"}
        self.others = [name for name in features if name not in used]

    def _names(self, column: str | None, features: Any, given: list[str] | None, source: str) -> Sequence[str] | None:
        """Names of the integers in a column; None where it holds strings."""
        feature = None if column is None else _element(features[column]) or features[column]
        if isinstance(feature, ClassLabel):
            return feature.names
        if not getattr(feature, "dtype", "").startswith(("int", "uint")):
            return None
        if given is None and column == self.tags:
            raise InputError(
                f"{source}: column {column} holds plain integers; name them in order with data.label_names"
            )
        return given

    def example(self, row: dict[str, Any], place: str) -> Example:
        """One row."""
        document = row.get("document_id")
        example = Example(
            tokens=_strings(row[self.tokens], self.tokens, place) if self.tokens else [],
            tags=None,
            place=place,
            document_id=None if document is None else str(document),
            extra={name: as_text(row[name]) for name in self.others},
        )
        if self.tags is not None:
            if not isinstance(row[self.tags], list):
                raise InputError(f"{place}: {self.tags} is not a list; choose another column with data.tag_column")
            example.tags = [_name(tag, self.tag_names, place) for tag in row[self.tags]]
        if self.label is not None and row[self.label] is not None:
            given = row[self.label]
            names = [_name(label, self.label_names, place) for label in (given if isinstance(given, list) else [given])]
            example.labels = split_labels(names, self.config, place)
        text = None if self.text is None else row[self.text]
        if self.tokens is None:
            if not isinstance(text, str):
                raise InputError(f"{place}: {self.text} is not a string; choose another column with data.text_column")
            offsets = tokenize(text)
            example.text = text
            example.tokens = [text[start:end] for start, end in offsets]
            example.starts, example.ends = [start for start, _ in offsets], [end for _, end in offsets]
        elif self.text is not None:
            example.extra[self.text] = as_text(text)
        return example


def _element(feature: Any) -> Any:
    """The type of a list's elements; None where the feature is not a list."""
    if isinstance(feature, list):
        return feature[0]
    return getattr(feature, "feature", None)


def _choose(
    setting: str | int | None, guesses: Sequence[str], fitting: list[str], features: Any, name: str, source: str
) -> str | None:
    if setting is not None:
        if str(setting) not in features:
            raise InputError(f"{source}: {name} is {setting!r}, but the columns are {', '.join(features)}")
        return str(setting)
    return next((guess for guess in guesses if guess in fitting), None)


def _name(value: Any, names: Sequence[str] | None, place: str) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, int):
        raise InputError(f"{place}: {value!r} is neither a name nor a number; mend the row, or choose another column")
    if names is None:
        return str(value)
    if value < 0:
        raise InputError(
            f"{place}: {value} marks what is not labelled; leave this part out of data.validation and data.test"
        )
    if value >= len(names):
        raise InputError(f"{place}: {value} has no name among {', '.join(names)} (0 to {len(names) - 1})")
    return names[value]


def _strings(values: Any, column: str, place: str) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InputError(f"{place}: {column} is not a list of strings; choose another column with data.token_column")
    return values
