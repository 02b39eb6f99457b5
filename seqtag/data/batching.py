"""Fixed-shape batches in few shapes: sentences packed into rows, or sentences of similar length together.

A bucket of `length` positions holds `batch_tokens // length` rows a batch, so that every batch costs about the same and
each bucket is one compiled program. Packed, a row holds several sentences one after another, which the network keeps
apart (`Batch.sentence_ids`), and hardly a slot is padding. Sentences longer than the last bucket get further buckets,
each twice as long, of their own: nothing is cut.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Int32

from seqtag.batch import FIRST_TOKEN, PADDING_TOKEN, UNKNOWN, UNKNOWN_TOKEN, Batch, Tokens
from seqtag.data.encoding import TokenTable

_STEP = 4
"""Bucket lengths are multiples of this."""
_PACKED_LENGTH = 32
"""Positions of the shortest row where sentences are packed."""
_DISTINCT_SHARE = 15 / 32
"""Of a batch's slots: the smaller of two sizes that its distinct tokens may be padded to, which most batches
of running text do not reach."""


class Buckets(NamedTuple):
    """Row lengths in rising order, the token slots of a batch, and whether a row may hold several sentences."""

    lengths: tuple[int, ...]
    batch_tokens: int
    packed: bool
    least: int = 1
    """Positions that a sentence takes up at least, so that a row holds not too many."""

    def max_sentences(self, length: int) -> int:
        """How many sentences a row of bucket `length` may hold."""
        return max(1, length // self.least) if self.packed else 1

    def rows(self, length: int) -> int:
        """Rows of a batch of bucket `length`."""
        return max(1, self.batch_tokens // length)

    def covering(self, longest: int) -> "Buckets":
        """The same buckets and as many more as sentences of `longest` tokens need."""
        lengths = list(self.lengths)
        while lengths[-1] < longest:
            lengths.append(2 * lengths[-1])
        return self._replace(lengths=tuple(lengths))


def choose_buckets(
    lengths: Int[np.ndarray, " sentences"], max_buckets: int, batch_tokens: int, packed: bool, least_rows: int = 1
) -> Buckets:
    """At most `max_buckets` row lengths for training sentences of these lengths.

    Packed, the first is 32, doubled as long as sentences are longer and `least_rows` rows are left to a batch; the
    others double it until the longest sentence fits, the last one taking it whole. Otherwise they are those that leave
    the fewest padded slots, by dynamic programming, a bucket paying for its last, partly filled batch too.
    """
    longest = int(lengths.max(initial=1))
    if not packed:
        return Buckets(_least_padding(lengths, max_buckets, batch_tokens), batch_tokens, packed)
    first = _PACKED_LENGTH
    while first < longest and batch_tokens // (2 * first) >= least_rows:
        first *= 2
    chosen = [first]
    while chosen[-1] < longest:
        chosen.append(2 * chosen[-1])
    if chosen[max_buckets:]:
        chosen = [*chosen[: max_buckets - 1], _rounded(longest)]
    return Buckets(tuple(chosen), batch_tokens, packed)


def _rounded(length: int) -> int:
    return -(-max(length, 1) // _STEP) * _STEP


def _least_padding(lengths: Int[np.ndarray, " sentences"], max_buckets: int, batch_tokens: int) -> tuple[int, ...]:
    rounded = -(-np.maximum(lengths, 1) // _STEP) * _STEP
    candidates, counts = np.unique(rounded, return_counts=True)
    total = np.concatenate([[0], np.cumsum(counts)])
    size = len(candidates)

    def cost(first: int, last: int) -> float:
        """Slots of one bucket for candidates first..last."""
        return float((total[last + 1] - total[first]) * candidates[last]) + batch_tokens / 2

    # best[k][j]: fewest slots for candidates 0..j in k + 1 buckets, and the candidate with which the last one begins.
    best = [[(cost(0, last), 0) for last in range(size)]]
    for _ in range(1, min(max_buckets, size)):
        before = best[-1]
        best.append(
            [
                min(
                    ((before[first - 1][0] + cost(first, last), first) for first in range(1, last + 1)),
                    default=(np.inf, 0),
                )
                for last in range(size)
            ]
        )
    level = min(range(len(best)), key=lambda k: best[k][-1][0])
    chosen: list[int] = []
    last = size - 1
    for row in reversed(best[: level + 1]):
        chosen.append(int(candidates[last]))
        last = row[last][1] - 1
    return tuple(reversed(chosen))


class Plan(NamedTuple):
    """One batch: the sentences of each row, by position in the data set, and the row length."""

    rows: list[list[int]]
    length: int

    @property
    def sentences(self) -> list[int]:
        """All sentences, row by row."""
        return [sentence for row in self.rows for sentence in row]


def plan_batches(
    lengths: Int[np.ndarray, " sentences"], buckets: Buckets, rng: np.random.Generator | None = None
) -> list[Plan]:
    """Batches that hold every sentence once; in random order, of random company, when `rng` is given."""
    lengths = np.maximum(lengths, buckets.least)
    buckets = buckets.covering(int(lengths.max(initial=1)))
    order = np.arange(len(lengths)) if rng is None else rng.permutation(len(lengths))
    plans = []
    for length, rows in _rows(lengths, order, buckets).items():
        if rng is not None:
            rng.shuffle(rows)
        size = buckets.rows(length)
        plans += [Plan(rows[start : start + size], length) for start in range(0, len(rows), size)]
    if rng is not None:
        rng.shuffle(plans)
    return plans


def _rows(
    lengths: Int[np.ndarray, " sentences"], order: Int[np.ndarray, " sentences"], buckets: Buckets
) -> dict[int, list[list[int]]]:
    """Rows by bucket, longest bucket first.

    Packed, each row is opened by the next sentence that needs its bucket and filled with the longest that still fit.
    """
    bucket_of = np.searchsorted(buckets.lengths, lengths)
    sizes = lengths.tolist()
    waiting: dict[int, list[int]] = {}  # by length, the next sentence last
    for sentence in order[::-1].tolist():
        waiting.setdefault(sizes[sentence], []).append(sentence)
    left = sum(1 << size for size in waiting)  # a bit for each length that any sentence has which waits

    def take(size: int) -> int:
        nonlocal left
        own = waiting[size]
        sentence = own.pop()
        if not own:
            left ^= 1 << size
        return sentence

    taken = [False] * len(sizes)
    rows: dict[int, list[list[int]]] = {}
    for bucket in reversed(range(len(buckets.lengths))):
        length = buckets.lengths[bucket]
        for sentence in order[bucket_of[order] == bucket].tolist():
            if taken[sentence]:
                continue
            # Those of one length are taken in order, whether they open a row or fill one: this one is the last there.
            row, space = [take(sizes[sentence])], length - sizes[sentence]
            while buckets.packed and (fitting := left & ((2 << space) - 1)):
                size = fitting.bit_length() - 1  # the longest
                other = take(size)
                taken[other] = True
                row.append(other)
                space -= size
            rows.setdefault(length, []).append(row)
    return rows


class Gold(NamedTuple):
    """What is to be learned of the sentences of a batch, row by row."""

    tags: Sequence[Sequence[int]]
    """Tag ids; of a model that does not tag, anything."""
    classes: Sequence[Sequence[int] | None]
    """Ids of the labels of each sentence; None where they are not known."""


def make_batch(
    rows: Sequence[Sequence[Sequence[str]]],
    gold: Gold | None,
    table: TokenTable,
    shape: tuple[int, int],
    max_sentences: int = 0,
    *,
    two_sizes: bool = False,
) -> Batch:
    """Encode rows of sentences and pad them to `shape`.

    Args:
        rows: the tokens of the sentences of each row.
        gold: what is to be learned; None for prediction.
        table: the tokens' integers.
        shape: rows and positions.
        max_sentences: how many a row may hold, for a model that labels them.
        two_sizes: pad the distinct tokens to one of two sizes, not always to the slots of the batch: most batches then
            have fewer of them to compute, and a shape has two programs.
    """
    rows_of_table, sentence_ids, tags = (np.zeros(shape, np.int32) for _ in range(3))
    classes = len(table.vocabulary.classes)
    most = max_sentences if classes else 0
    targets, labelled = np.zeros((shape[0], most, classes), np.float32), np.zeros((shape[0], most), bool)
    token_rows = table.rows(token for row in rows for tokens in row for token in tokens)
    done = sentence = 0
    for index, row in enumerate(rows):
        position = 0
        for number, tokens in enumerate(row, 1):
            end = position + len(tokens)
            rows_of_table[index, position:end] = token_rows[done : done + len(tokens)]
            sentence_ids[index, position:end] = number
            if gold is not None:
                tags[index, position:end] = gold.tags[sentence]
                own = gold.classes[sentence]
                if classes and own is not None:
                    targets[index, number - 1, list(own)] = 1.0
                    labelled[index, number - 1] = True
            position = end
            done += len(tokens)
            sentence += 1
    tokens, token_ids = _distinct(rows_of_table, table, two_sizes)
    return Batch(
        tokens=tokens,
        token_ids=token_ids,
        sentence_ids=sentence_ids,
        tags=tags,
        targets=targets,
        labelled=labelled,
    )


def _distinct(
    rows: Int[np.ndarray, "batch time"], table: TokenTable, two_sizes: bool
) -> tuple[Tokens, Int32[np.ndarray, "batch time"]]:
    """The distinct ones of some rows of a table, padded, and the position of each row among them.

    They stand in the order in which the batch has them. That of the table depends on what was read before, and sums
    over them must round alike in a run that was resumed.
    """
    found, firsts, inverse = np.unique(rows, return_index=True, return_inverse=True)
    order = np.argsort(firsts)
    order = order[found[order] > 0]  # 0 is padding
    positions = np.full(len(found), PADDING_TOKEN, np.int32)
    positions[order] = np.arange(FIRST_TOKEN, FIRST_TOKEN + len(order))
    token_ids, found = positions[inverse].reshape(rows.shape), found[order]
    few = int(rows.size * _DISTINCT_SHARE)
    padded = np.zeros(FIRST_TOKEN + (few if two_sizes and len(found) <= few else rows.size), np.int32)
    padded[FIRST_TOKEN : FIRST_TOKEN + len(found)] = found
    tokens = Tokens(*table.features(padded))
    tokens.word_ids[UNKNOWN_TOKEN] = UNKNOWN
    return tokens, token_ids


def sentences_of(plan: Plan, tokens: Sequence[Sequence[str]]) -> Iterator[list[Sequence[str]]]:
    """The tokens of `plan.sentences`, grouped into its rows."""
    remaining = iter(tokens)
    for row in plan.rows:
        yield [next(remaining) for _ in row]
