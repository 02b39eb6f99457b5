"""Overlapping windows over a long sentence, and their emissions put together again.

Each token's emissions are taken from the window in which it lies furthest from an edge, and the best tagging is found
on the whole sentence afterwards; so there is no seam at which an entity could be lost or found twice.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

LONGEST_ROW = 4096
"""Tokens; a longer sentence does not fit into a row of a batch."""


class Windows(NamedTuple):
    """Sentences of more than `size` tokens are cut into windows of so many; neighbours share `overlap` tokens.

    0 <= overlap < size <= LONGEST_ROW.
    """

    size: int
    overlap: int


def window_bounds(length: int, windows: Windows) -> list[tuple[int, int]]:
    """Start and end of the windows over `length` tokens; the last one is moved back to be whole."""
    size, overlap = windows
    if length <= size:
        return [(0, length)]
    starts = [*range(0, length - size, size - overlap), length - size]
    return [(start, start + size) for start in starts]


def merge_windows(
    bounds: Sequence[tuple[int, int]], parts: Sequence[Float[np.ndarray, "window tags"]]
) -> Float[np.ndarray, "time tags"]:
    """The emissions of the sentence from those of its windows: neighbours are cut in the middle of what they share."""
    cuts = [(end + start) // 2 for (_, end), (start, _) in pairwise(bounds)]
    firsts, lasts = [bounds[0][0], *cuts], [*cuts, bounds[-1][1]]
    kept = [
        part[first - start : last - start]
        for (start, _), part, first, last in zip(bounds, parts, firsts, lasts, strict=True)
    ]
    return np.concatenate(kept)
