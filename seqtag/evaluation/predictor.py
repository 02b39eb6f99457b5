"""What the model says of every sentence of a split."""

from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import jax
import numpy as np

from seqtag.batch import Batch, Outputs
from seqtag.data.ahead import prepared_ahead
from seqtag.data.batching import Buckets, Plan, make_batch, plan_batches, sentences_of
from seqtag.data.encoding import TokenTable
from seqtag.data.split import Split
from seqtag.decoding.outputs import OutputDecoder, Prediction
from seqtag.decoding.sharing import Sharing
from seqtag.nn.devices import Devices
from seqtag.nn.model import Network
from seqtag.nn.programs import network_programs

_IN_FLIGHT = 3
"""Batches whose results are not fetched yet: enough that the device need not wait for the host."""


class Predictor:
    """Predicts splits with one set of compiled programs, whatever the weights."""

    def __init__(
        self, graph: Any, table: TokenTable, buckets: Buckets, devices: Devices, document_sharing: float = 0.0
    ) -> None:
        """`document_sharing` is the model's setting."""
        self.table = table
        self.buckets = buckets
        self.devices = devices
        self.decoder = OutputDecoder(table.vocabulary.tags)
        self.sharing = Sharing.of(table, document_sharing)

        programs = partial(network_programs, graph, out_shardings=devices.sharded)
        self._outputs, self._emissions = programs(Network.outputs), programs(Network.emissions)
        self._read_scores = programs(Network.read_scores)

    @property
    def compile_seconds(self) -> float:
        """Spent compiling."""
        return self._outputs.seconds + self._emissions.seconds + self._read_scores.seconds

    @property
    def compiled_shapes(self) -> int:
        """Programs compiled so far."""
        return len(self._outputs) + len(self._emissions) + len(self._read_scores)

    def predict(self, params: Any, constants: Any, split: Split) -> list[Prediction]:
        """The prediction for each sentence, in the order of the split."""
        plans = plan_batches(split.lengths, self.buckets)

        def prepare(plan: Plan) -> Batch:
            shape = (self.devices.rows(self.buckets.rows(plan.length)), plan.length)
            rows = list(sentences_of(plan, split[plan.sentences].tokens))
            batch = make_batch(rows, None, self.table, shape, self.buckets.max_sentences(plan.length))
            return self.devices.shard_batch(batch)

        batches = prepared_ahead(prepare, plans)
        if self.sharing is None:
            outputs = _fetched(self._outputs(batch.shape, params, constants, batch) for batch in batches)
        else:
            outputs = self._after_sharing(self.sharing, params, constants, split, plans, batches)
        found: dict[int, Prediction] = {}
        for plan, of_batch in zip(plans, outputs, strict=True):
            lengths = [split.lengths[row].tolist() for row in plan.rows]
            found.update(zip(plan.sentences, self.decoder.sentences(lengths, of_batch), strict=True))
        return [found[sentence] for sentence in range(len(split))]

    def _after_sharing(
        self,
        sharing: Sharing,
        params: Any,
        constants: Any,
        split: Split,
        plans: list[Plan],
        batches: Iterable[Batch],
    ) -> Iterator[Outputs]:
        """What is read of each batch once the words of every document have shared their scores."""
        sentence_ids: list[Any] = []

        def started() -> Iterator[Any]:
            for batch in batches:
                sentence_ids.append(batch.sentence_ids)
                yield self._emissions(batch.shape, params, constants, batch)

        scores = list(_fetched(started()))
        if not scores:
            return iter(())
        shared = sharing.across(scores, plans, split[range(len(split))].tokens, split.documents.tolist())
        placed = (jax.device_put(own, self.devices.sharded) for own in shared)
        return _fetched(
            self._read_scores(own.shape, params, constants, own, ids)
            for own, ids in zip(placed, sentence_ids, strict=True)
        )


def _fetched(started: Iterable[Any]) -> Iterator[Any]:
    """What running programs give, as arrays of the host."""
    running: deque[Any] = deque()
    for outputs in started:
        running.append(outputs)
        if len(running) > _IN_FLIGHT:
            yield jax.tree.map(np.asarray, running.popleft())
    while running:
        yield jax.tree.map(np.asarray, running.popleft())
