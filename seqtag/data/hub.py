"""Data sets of the Hugging Face Hub, or local folders in the Hub's layout.

Columns are guessed from the features: `tokens` or `words`; `ner_tags`, `tags` or `labels`; `text` or `sentence`; `label`.
Integer tags and labels get their names from `ClassLabel` or from `data.label_names`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import datasets
from datasets import ClassLabel, Dataset, DatasetDict

from seqtag.config import DataConfig
from seqtag.data.example import Example, Ledger
from seqtag.errors import InputError
from seqtag.tokenization import tokenize

_TOKENS = ("tokens", "words")
_TAGS = ("ner_tags", "tags", "labels", "slots", "ner")
_TEXTS = ("text", "sentence")
_LABELS = ("label", "intent", "sentiment")


class HubReader:
    """One data set, loaded when first asked for."""

    def __init__(self, config: DataConfig) -> None:
        self.config = config
        self._loaded: DatasetDict | None = None

    def source(self, name: str) -> str:
        """`id, split`. Raises InputError where the data set has no such split."""
        splits = self._splits()
        if name not in splits:
            raise InputError(f"{self.config.path}: no split {name!r}; the data set has {', '.join(splits)}")
        return f"{self.config.path}, split {name}"

    def examples(self, name: str, ledger: Ledger) -> Iterator[Example]:
        """The rows of a split. Raises InputError that names split and row."""
        source = self.source(name)
        dataset = self._splits()[name]
        columns = _Columns(dataset, self.config, source)
        for row, values in enumerate(dataset):
            yield columns.example(values, f"{source}, row {row}")

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
            raise InputError(
                f"data.path {path}: the repository is only a loading script, which is not run; set data.revision to "
                "refs/convert/parquet, the branch to which the Hub converts such sets"
            ) from error
        if not local and (path.startswith((".", "/")) or path.count("/") > 1):
            raise InputError(f"data.path {path}: there is no such folder") from error
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
        self.tags = _choose(config.tag_column, _TAGS, lists, features, "data.tag_column", source)
        self.text = _choose(config.text_column, _TEXTS, plain, features, "data.text_column", source)
        self.label = _choose(config.label_column, _LABELS, plain, features, "data.label_column", source)
        if self.tokens is None and self.text is None:
            raise InputError(
                f"{source}: no column of tokens or text among {', '.join(features)}; set data.token_column or "
                "data.text_column"
            )
        self.tag_names = self._names(features, self.tags, source)
        self.label_names = self._names(features, self.label, source)
        used = {self.tokens, self.tags, self.text, self.label, "document_id"}
        self.others = [name for name in features if name not in used]

    def _names(self, features: Any, column: str | None, source: str) -> Sequence[str] | None:
        """Names of the integers in a column; None where it holds strings."""
        if column is None:
            return None
        feature = _element(features[column]) or features[column]
        if isinstance(feature, ClassLabel):
            return feature.names
        if getattr(feature, "dtype", "").startswith(("int", "uint")):
            if self.config.label_names is None:
                raise InputError(
                    f"{source}: column {column} holds plain integers; name them in order with data.label_names"
                )
            return self.config.label_names
        return None

    def example(self, row: dict[str, Any], place: str) -> Example:
        """One row."""
        document = row.get("document_id")
        example = Example(
            tokens=row[self.tokens] if self.tokens else [],
            tags=None,
            place=place,
            document_id=None if document is None else str(document),
            extra={name: _plain(row[name]) for name in self.others},
        )
        if self.tags is not None:
            example.tags = [_name(tag, self.tag_names, place) for tag in row[self.tags]]
        if self.label is not None and row[self.label] is not None:
            example.label = _name(row[self.label], self.label_names, place)
        if self.text is not None and isinstance(row[self.text], str):
            if self.tokens is None:
                text = row[self.text]
                offsets = tokenize(text)
                example.text = text
                example.tokens = [text[start:end] for start, end in offsets]
                example.starts, example.ends = [start for start, _ in offsets], [end for _, end in offsets]
            else:
                example.extra[self.text] = row[self.text]
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
    if names is None or isinstance(value, str):
        return str(value)
    if not 0 <= value < len(names):
        raise InputError(f"{place}: {value} has no name; there are {len(names)} in data.label_names or the features")
    return names[value]


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
