"""Names of documents as numbers."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Int


def document_numbers(ids: Iterable[str | int | None]) -> Int[np.ndarray, " sentences"]:
    """Numbers that are equal for neighbours with the same id; None is like no other."""
    numbers, before = [0], None
    for own in ids:
        numbers.append(numbers[-1] + (own is None or own != before))
        before = own
    return np.array(numbers[1:], np.int64)
