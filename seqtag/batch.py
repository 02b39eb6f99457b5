"""What goes into the network: one fixed-shape batch of integers."""

from typing import Any, NamedTuple

from jaxtyping import Int32

PADDING, UNKNOWN = 0, 1
"""Ids that every vocabulary reserves; its own entries start at FIRST."""
FIRST = 2


class Batch(NamedTuple):
    """Integers of `batch` rows of `time` token positions; numpy on the host, JAX arrays on the device.

    A row holds one sentence, or several one after another, then padding.
    """

    sentence_ids: Int32[Any, "batch time"]
    """0 at padding, else the position of the token's sentence in its row, counted from 1."""
    word_ids: Int32[Any, "batch time"]
    vector_ids: Int32[Any, "batch time"]
    """Rows of the pretrained vectors."""
    shape_ids: Int32[Any, "batch time"]
    affix_ids: Int32[Any, "batch time affixes"]
    """One column for each length of prefix, then of suffix."""
    char_ids: Int32[Any, "batch time chars"]
    tags: Int32[Any, "batch time"]
    """Gold tags; 0 where there are none."""

    @property
    def mask(self) -> Any:
        """True at real tokens: [batch, time]."""
        return self.sentence_ids > 0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and token positions: what decides which compiled program serves the batch."""
        rows, time = self.word_ids.shape
        return rows, time
