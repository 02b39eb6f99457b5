"""How texts are to be tagged, checked before anything is done."""

from numbers import Integral, Real
from typing import NamedTuple

from seqtag.errors import InputError
from seqtag.tagging.windows import LONGEST_ROW, Windows

_MOST = 1000
"""Of the best taggings: memory grows with their number."""


class Options(NamedTuple):
    """The arguments of `Tagger.tag`, which says what they mean."""

    min_score: float
    n_best: int
    split_sentences: bool
    windows: Windows | None


def make_options(min_score: float, n_best: int, split_sentences: bool, window: int | None, overlap: int) -> Options:
    """The options. Raises InputError for one of another type or out of range."""
    if not isinstance(min_score, Real) or not 0 <= min_score <= 1:
        raise InputError(f"min_score is a probability, from 0 to 1, not {min_score!r}")
    numbers = {"n_best": n_best, "overlap": overlap} | ({} if window is None else {"window": window})
    for name, number in numbers.items():
        if not isinstance(number, Integral):
            raise InputError(f"{name} is a whole number, not {number!r}")
    if not 0 <= n_best <= _MOST:
        raise InputError(f"n_best must be from 0 to {_MOST:,}, not {n_best}")
    if window is not None and not 0 < window <= LONGEST_ROW:
        raise InputError(f"window must be from 1 to {LONGEST_ROW} tokens, not {window}")
    if window is not None and not 0 <= overlap < window:
        raise InputError(f"overlap must be from 0 to less than the window's {window} tokens, not {overlap}")
    return Options(min_score, n_best, split_sentences, None if window is None else Windows(window, overlap))
