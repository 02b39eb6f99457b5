"""Where tokens stand in their text, found when it is asked for.

Between two tokens is white space alone, so the next place where a token can be found is its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import overload


class Offsets(Sequence[tuple[int, int]]):
    """Start and end of each token in `text`, in characters; to be compared with lists as a list is."""

    def __init__(self, text: str, tokens: Sequence[str], joined: bool = False) -> None:
        """`tokens` are all of `text` but its white space, in order; or `text` is any tokens joined by single spaces."""
        self._text = text
        self._tokens = tokens
        self._joined = joined

    @cached_property
    def _pairs(self) -> list[tuple[int, int]]:
        if self._joined:  # a token may be empty, or hold a space
            ends = accumulate(len(token) + 1 for token in self._tokens)
            return [(end - 1 - len(token), end - 1) for token, end in zip(self._tokens, ends, strict=True)]
        find, pairs, end = self._text.find, [], 0
        for token in self._tokens:
            start = find(token, end)
            end = start + len(token)
            pairs.append((start, end))
        return pairs

    def of_spans(self, spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Start and end in characters of spans of tokens, which follow one another; what lies behind them is left."""
        if self._joined:
            return [(self[first][0], self[last - 1][1]) for first, last in spans]
        find, tokens, places = self._text.find, self._tokens, []
        done = end = 0
        for first, last in spans:
            for token in tokens[done:first]:
                end = find(token, end) + len(token)
            start = end = find(tokens[first], end)
            for token in tokens[first:last]:
                end = find(token, end) + len(token)
            places.append((start, end))
            done = last
        return places

    @overload
    def __getitem__(self, index: int) -> tuple[int, int]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[int, int]]: ...
    def __getitem__(self, index: int | slice) -> tuple[int, int] | list[tuple[int, int]]:
        return self._pairs[index]

    def __len__(self) -> int:
        return len(self._tokens)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self._pairs)

    def __eq__(self, other: object) -> bool:
        return self._pairs == (other._pairs if isinstance(other, Offsets) else other)

    __hash__ = None  # pyright: ignore[reportAssignmentType] - as of lists

    def __repr__(self) -> str:
        return repr(self._pairs)
