"""Sentences through the network: batches of few shapes, long sentences in pieces or windows, the n best taggings."""

import threading
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from seqtag.batch import Batch, Outputs, Tagged
from seqtag.data.batching import Buckets, Plan, make_batch, plan_batches, sentences_of
from seqtag.data.encoding import TokenTable
from seqtag.decoding.outputs import OutputDecoder, Prediction
from seqtag.decoding.sharing import Sharing
from seqtag.nn.devices import Devices
from seqtag.nn.lanes import Lanes
from seqtag.nn.long_sentence import LongSentences
from seqtag.nn.model import Network
from seqtag.nn.programs import Programs, network_programs
from seqtag.tagging.model_directory import TrainedModel
from seqtag.tagging.windows import LONGEST_ROW, Windows, merge_windows, window_bounds

Sentence = Sequence[str]

_ROW_LENGTH = 128
"""Positions of the usual row, which several sentences share."""
_ROW_COUNTS = (8, 16, 32)
"""Rows of the usual batches: enough for good matrix products, and fewer where there is less to do."""
_SHORTEST_LENGTH = 32
_DISTINCT = 200_000
"""Tokens whose integers are kept."""


class Job(NamedTuple):
    """Sentences made ready for the device."""

    sentences: Sequence[Sentence]
    long: list[int]
    """Those that no row holds, by position."""
    short: list[int]
    plans: list[Plan]
    """Batches of the short ones, by position among them."""
    batches: list[Batch]
    windows: Windows | None
    documents: Sequence[int]
    """The number of the document that each sentence is of."""


class Engine:
    """Runs one model; may be used by several threads."""

    def __init__(self, model: TrainedModel) -> None:
        self.devices = Devices()
        self._lanes = Lanes(self.devices.programs_at_once)
        self._decoder = OutputDecoder(model.vocabulary.tags)
        self._table = TokenTable(model.vocabulary, model.config.max_word_length, _DISTINCT)
        self._labels = bool(model.vocabulary.classes)
        self._sharing = Sharing.of(self._table, model.config.document_sharing)
        self._least = model.buckets.least
        self._lock = threading.Lock()
        self._graph = model.graph
        self._params, self._constants = self.devices.replicate(model.params), self.devices.replicate(model.constants)
        programs, sharded = partial(network_programs, model.graph), self.devices.sharded
        self._outputs = programs(Network.outputs, out_shardings=sharded)
        self._emissions = programs(Network.emissions, out_shardings=sharded)
        self._read_scores = programs(Network.read_scores, out_shardings=sharded)
        self._read_long_scores = programs(Network.read_scores)
        self._read = programs(lambda network, hidden, ids: network.read(hidden, ids, 1))
        self._long = LongSentences(model.graph)
        self._n_best: dict[int, tuple[Programs, Programs]] = {}

    @property
    def compiled_shapes(self) -> int:
        """Programs compiled so far."""
        n_best = [programs for of_count in self._n_best.values() for programs in of_count]
        groups = [self._outputs, self._emissions, self._read_scores, self._read_long_scores, self._read, *n_best]
        return sum(map(len, groups)) + self._long.compiled_shapes

    def prepare(self, sentences: Sequence[Sentence], documents: Sequence[int], windows: Windows | None = None) -> Job:
        """Plan and encode; what can be done before the device is free. Sentences hold a token or more.

        `documents` has the number of each one's document.
        """
        long, short = _apart(sentences, windows)
        plans, batches = self._batches([sentences[position] for position in short], packed=True)
        return Job(sentences, long, short, plans, batches, windows, documents)

    def start(self, job: Job) -> list[Any]:
        """Hand the batches to the device; returns before it is done."""
        programs = self._emissions if self._sharing else self._outputs
        return self._lanes.map(lambda batch: programs(batch.shape, self._params, self._constants, batch), job.batches)

    def read(self, job: Job, started: Sequence[Any]) -> list[Outputs]:
        """What the heads make of the batches, then of each long sentence.

        Waits for the scores of the batches where words of a document share them, and for long sentences, which are read
        piece by piece; the rest is left to the device.
        """
        if self._sharing is None:
            return [*started, *(self._long_outputs(job.sentences[position], job.windows) for position in job.long)]
        scores = self._shared(self._sharing, job, started)
        of_batches = [self._read_batch(*pair) for pair in zip(scores, job.batches, strict=False)]
        return [*of_batches, *(self._read_long(own[0]) for own in scores[len(started) :])]

    def finish(self, job: Job, outputs: Sequence[Outputs]) -> Iterator[Prediction]:
        """The tagging of each sentence of a job, in order, from what `read` gave; each made when it is asked for."""
        rows = [[[job.short[sentence] for sentence in row] for row in plan.rows] for plan in job.plans]
        rows += [[[position]] for position in job.long]
        batches, places = [0] * len(job.sentences), [0] * len(job.sentences)
        for batch, of_batch in enumerate(rows):
            for place, position in enumerate(chain.from_iterable(of_batch)):
                batches[position], places[position] = batch, place
        found = [
            self._decoder.sentences([[len(job.sentences[position]) for position in row] for row in of_batch], host)
            for of_batch, host in zip(rows, jax.tree.map(np.asarray, list(outputs)), strict=True)
        ]
        return (found[batch][place] for batch, place in zip(batches, places, strict=True))

    def n_best(self, job: Job, count: int) -> list[list[tuple[float, Prediction]]]:
        """For each sentence its `count` most probable taggings with their log probabilities, best first; or all."""
        of_batches, of_emissions = self._n_best_programs(count)
        found: dict[int, list[tuple[float, Prediction]]] = {}
        if self._sharing is None:
            plans, batches = self._batches([job.sentences[position] for position in job.short], packed=False)
            for plan, batch in zip(plans, batches, strict=True):
                lengths = [len(job.sentences[job.short[sentence]]) for sentence in plan.sentences]
                ranked = self._ranked(of_batches(batch.shape, self._params, self._constants, batch), lengths)
                found.update(zip((job.short[sentence] for sentence in plan.sentences), ranked, strict=True))
            alone = {position: self._long_emissions(job.sentences[position], job.windows) for position in job.long}
        else:
            alone = _of_sentences(job, self._shared(self._sharing, job, self.start(job)))
        for position, scores in alone.items():
            padded, ids = self._padded(scores)
            result = of_emissions(ids.shape, self._params, self._constants, padded, ids > 0)
            (found[position],) = self._ranked(result, [len(scores)])
        return [found[position] for position in range(len(job.sentences))]

    def _shared(self, sharing: Sharing, job: Job, started: Sequence[Any]) -> list[Any]:
        """Scores of the batches, then of each long sentence, once the words of every document have shared theirs."""
        arrays = [np.asarray(scores) for scores in started]
        arrays += [self._long_emissions(job.sentences[position], job.windows)[None] for position in job.long]
        if not arrays:
            return []
        order = [*job.short, *job.long]
        plans = [
            *job.plans,
            *(Plan([[place]], len(job.sentences[order[place]])) for place in range(len(job.short), len(order))),
        ]
        sentences = [job.sentences[position] for position in order]
        return sharing.across(arrays, plans, sentences, [job.documents[position] for position in order])

    def _read_batch(self, scores: Float[np.ndarray, "rows time tags"], batch: Batch) -> Any:
        placed = jax.device_put(scores, self.devices.sharded)
        return self._read_scores(scores.shape, self._params, self._constants, placed, batch.sentence_ids)

    def _read_long(self, scores: Float[np.ndarray, "time tags"]) -> Any:
        padded, ids = self._padded(scores)
        return self._read_long_scores(ids.shape, self._params, self._constants, padded, ids)

    def _n_best_programs(self, count: int) -> tuple[Programs, Programs]:
        """From batches, and from emissions."""
        with self._lock:
            if count not in self._n_best:
                self._n_best[count] = (
                    network_programs(self._graph, lambda network, batch: network.n_best(batch, count)),
                    network_programs(self._graph, lambda network, *inputs: network.n_best_of(*inputs, count)),
                )
            return self._n_best[count]

    def _ranked(self, result: Any, lengths: list[int]) -> list[list[tuple[float, Prediction]]]:
        tagged, log_probabilities = Tagged(*map(np.asarray, result[0])), np.asarray(result[1])
        ranked: list[list[tuple[float, Prediction]]] = [[] for _ in lengths]
        for rank in range(log_probabilities.shape[1]):
            of_rank = Tagged(*(part[:, rank] if part.ndim == 3 else part for part in tagged))
            sentences = self._decoder.tagged_sentences([[length] for length in lengths], of_rank)
            for own, sentence, value in zip(ranked, sentences, log_probabilities[:, rank], strict=False):
                if value > -np.inf:
                    own.append((float(value), sentence))
        return ranked

    def _batches(self, sentences: Sequence[Sentence], packed: bool) -> tuple[list[Plan], list[Batch]]:
        if not sentences:
            return [], []
        lengths = np.array([len(tokens) for tokens in sentences])
        buckets = _buckets(lengths, packed, self._least)
        plans = plan_batches(lengths, buckets)
        batches = []
        for plan in plans:
            rows = list(sentences_of(plan, [sentences[position] for position in plan.sentences]))
            shape = (_rows(len(rows), buckets.rows(plan.length)), plan.length)
            batches.append(self._batch(rows, shape, buckets.max_sentences(plan.length)))
        return plans, batches

    def _batch(self, rows: Sequence[Sequence[Sentence]], shape: tuple[int, int], sentences: int) -> Batch:
        with self._lock:  # the table learns new tokens
            batch = make_batch(
                rows, None, self._table, (self.devices.rows(shape[0]), shape[1]), sentences, two_sizes=True
            )
        return self.devices.shard_batch(batch)

    def _long_outputs(self, tokens: Sentence, windows: Windows | None) -> Outputs:
        if not self._labels:
            return self._read_long(self._long_emissions(tokens, windows))
        hidden, ids = self._padded(self._long_states(tokens, as_emissions=False))
        return self._read(ids.shape, self._params, self._constants, hidden, ids)

    def _long_states(self, tokens: Sentence, as_emissions: bool) -> Float[np.ndarray, "time features"]:
        pieces = [tokens[start : start + LONGEST_ROW] for start in range(0, len(tokens), LONGEST_ROW)]
        makers = [partial(self._piece, piece) for piece in pieces]
        return self._long.states(self._params, self._constants, makers, as_emissions)[: len(tokens)]

    def _long_emissions(self, tokens: Sentence, windows: Windows | None) -> Float[np.ndarray, "time tags"]:
        if windows is None:
            return self._long_states(tokens, as_emissions=True)
        bounds = window_bounds(len(tokens), windows)
        parts: dict[int, np.ndarray] = {}
        plans, batches = self._batches([tokens[start:end] for start, end in bounds], packed=True)
        for plan, batch in zip(plans, batches, strict=True):
            emissions = np.asarray(self._emissions(batch.shape, self._params, self._constants, batch))
            for row, values in zip(plan.rows, emissions, strict=False):
                ends = np.cumsum([bounds[window][1] - bounds[window][0] for window in row])
                parts.update(zip(row, np.split(values[: ends[-1]], ends[:-1]), strict=True))
        return merge_windows(bounds, [parts[window] for window in range(len(bounds))])

    def _piece(self, tokens: Sentence) -> Batch:
        with self._lock:
            return make_batch([[tokens]], None, self._table, (1, LONGEST_ROW))

    def _padded(self, values: Float[np.ndarray, "time features"]) -> tuple[Any, Any]:
        """Emissions or hidden states of one sentence, in a row of one of few lengths, and the sentence's ids there."""
        length = len(values)
        row = _doubled(_SHORTEST_LENGTH, length)
        padded = np.zeros((1, row, values.shape[1]), np.float32)
        padded[0, :length] = values
        return padded, (np.arange(row)[None] < length).astype(np.int32)


def _of_sentences(job: Job, scores: Sequence[np.ndarray]) -> dict[int, np.ndarray]:
    """The scores of each sentence, out of those of the batches and the long ones."""
    found: dict[int, np.ndarray] = {}
    for plan, array in zip(job.plans, scores, strict=False):
        for row, values in zip(plan.rows, array, strict=False):
            positions = [job.short[sentence] for sentence in row]
            ends = np.cumsum([len(job.sentences[position]) for position in positions])
            found.update(zip(positions, np.split(values[: ends[-1]], ends[:-1]), strict=True))
    found.update(zip(job.long, (array[0] for array in scores[len(job.plans) :]), strict=True))
    return found


def _apart(sentences: Sequence[Sentence], windows: Windows | None) -> tuple[list[int], list[int]]:
    """Positions of the sentences that are too long for a row or a window, and of the others."""
    limit = windows.size if windows else LONGEST_ROW
    long = [position for position, tokens in enumerate(sentences) if len(tokens) > limit]
    return long, [position for position, tokens in enumerate(sentences) if len(tokens) <= limit]


def _buckets(lengths: np.ndarray, packed: bool, least: int) -> Buckets:
    """Few shapes, and none much larger than what there is to do."""
    total, longest = int(np.maximum(lengths, least).sum()), int(lengths.max())
    if packed and total <= 2 * _ROW_LENGTH:
        row = _doubled(_SHORTEST_LENGTH, total)
        return Buckets((row,), row, packed, least)
    slots = _rows(-(-total // _ROW_LENGTH), _ROW_COUNTS[-1]) * _ROW_LENGTH
    lengths_of_rows = (_ROW_LENGTH,) if packed else (_SHORTEST_LENGTH, _ROW_LENGTH)
    return Buckets(lengths_of_rows, slots, packed, least).covering(longest)


def _rows(needed: int, most: int) -> int:
    """Rows of a batch: all that its shape may have, or fewer where those do."""
    return next((rows for rows in _ROW_COUNTS if needed <= rows < most), most)


def _doubled(length: int, least: int) -> int:
    while length < least:
        length *= 2
    return length
