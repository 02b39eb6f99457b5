"""A split ready for batching: sentences by position, tags as ids of the model."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import pyarrow.compute as pc
from datasets import Dataset
from jaxtyping import Int

from seqtag.data.schema import TAGS, TOKENS
from seqtag.schemes import convert


class Sentences(NamedTuple):
    """Tokens and IOB2 tags of some sentences."""

    tokens: list[list[str]]
    tags: list[list[str]]


class Split:
    """Reads sentences of a memory-mapped data set as they are asked for; only their lengths are held."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._rows = dataset.select_columns([TOKENS, TAGS])
        self.lengths: Int[np.ndarray, " sentences"] = _list_lengths(dataset)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, positions: Sequence[int]) -> Sentences:
        """Sentences in the order of `positions`."""
        rows = self._rows[list(positions)]
        return Sentences(rows[TOKENS], rows[TAGS])


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


def _list_lengths(dataset: Dataset) -> Int[np.ndarray, " sentences"]:
    tables = cast("Iterable[Any]", dataset.with_format("arrow").select_columns([TOKENS]).iter(batch_size=100_000))
    chunks = [pc.call_function("list_value_length", [table[TOKENS]]).to_numpy() for table in tables]
    return np.concatenate(chunks).astype(np.int64) if chunks else np.zeros(0, np.int64)
