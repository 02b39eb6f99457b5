"""A split ready for batching: sentences by position, tags as ids of the model."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, cast

import numpy as np
import pyarrow.compute as pc
from datasets import Dataset
from jaxtyping import Int

from seqtag.data.batching import Gold
from seqtag.data.document_ids import document_numbers
from seqtag.data.schema import DOCUMENT_ID, LABELS, TAGS, TOKENS
from seqtag.schemes import convert
from seqtag.vocabulary import Vocabulary

_READ = 10_000
"""Sentences read at a time."""


class Sentences(NamedTuple):
    """Tokens, IOB2 tags and labels of some sentences."""

    tokens: list[list[str]]
    tags: list[list[str]]
    labels: list[list[str] | None]
    """Of the whole sentence, or text; None where it has none."""


class Split:
    """Reads sentences of a memory-mapped data set as they are asked for; only their lengths are held."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._has_labels = LABELS in dataset.column_names
        self._rows = dataset.select_columns([TOKENS, TAGS, *[LABELS] * self._has_labels])
        self.lengths: Int[np.ndarray, " sentences"] = _list_lengths(dataset)

    @cached_property
    def documents(self) -> Int[np.ndarray, " sentences"]:
        """A number for the document of each sentence; one without a `document_id` is a document of its own."""
        return document_numbers(self.dataset[DOCUMENT_ID][:])

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, positions: Sequence[int]) -> Sentences:
        """Sentences in the order of `positions`."""
        rows = self._rows[list(positions)]
        labels: list[list[str] | None] = rows[LABELS] if self._has_labels else [None] * len(positions)
        return Sentences(rows[TOKENS], rows[TAGS], labels)

    def stretches(self) -> Iterator[Sentences]:
        """All sentences in order, so many at a time that memory is bounded."""
        for start in range(0, len(self), _READ):
            yield self[range(start, min(start + _READ, len(self)))]


def fingerprint(splits: Mapping[str, Split]) -> str:
    """Of all tokens, tags and labels of some parts, by which other data are noticed."""
    digest = hashlib.sha256()
    for role, split in splits.items():
        digest.update(role.encode())
        for sentences in split.stretches():
            digest.update(repr(sentences).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:16]


class TagIds:
    """IOB2 tags to ids of the tags that the model is trained on."""

    def __init__(self, tags: Sequence[str]) -> None:
        """`tags` are the model's, in IOB2 or BIOES."""
        ids = {tag: position for position, tag in enumerate(tags)}
        scheme = "BIOES" if any(tag[0] in "ES" for tag in tags) else "IOB2"
        # A tag of a well-formed sequence and whether its span goes on decide the id: one look-up a token.
        self._ids = {("O", False): ids["O"]}
        for label in dict.fromkeys(tag[2:] for tag in tags if tag != "O"):
            begin, inside, outside = f"B-{label}", f"I-{label}", "O"
            one, _ = convert([begin, outside], scheme)
            first, middle, last = convert([begin, inside, inside], scheme)
            self._ids |= {
                (begin, False): ids[one],
                (begin, True): ids[first],
                (inside, True): ids[middle],
                (inside, False): ids[last],
            }

    def __call__(self, tags: Sequence[str]) -> list[int]:
        """Ids of a well-formed IOB2 sequence. Raises KeyError for a label that the model does not know."""
        following = [tag[0] == "I" for tag in tags[1:]]
        return [self._ids[pair] for pair in zip(tags, [*following, False], strict=True)]


class GoldIds:
    """What is to be learned of some sentences, as ids of the vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._tag_ids = TagIds(vocabulary.tags) if vocabulary.tags else None
        self._class_ids = {label: position for position, label in enumerate(vocabulary.classes)}

    def __call__(self, sentences: Sentences) -> Gold:
        """Tags and labels. Raises KeyError for one that the vocabulary lacks."""
        if self._tag_ids is None:
            tags = [[0] * len(tokens) for tokens in sentences.tokens]
        else:
            tags = [self._tag_ids(own) for own in sentences.tags]
        classes = [
            [self._class_ids[label] for label in labels] if self._class_ids and labels is not None else None
            for labels in sentences.labels
        ]
        return Gold(tags, classes)


def _list_lengths(dataset: Dataset) -> Int[np.ndarray, " sentences"]:
    tables = cast("Iterable[Any]", dataset.with_format("arrow").select_columns([TOKENS]).iter(batch_size=100_000))
    chunks = [pc.call_function("list_value_length", [table[TOKENS]]).to_numpy() for table in tables]
    return np.concatenate(chunks).astype(np.int64) if chunks else np.zeros(0, np.int64)
