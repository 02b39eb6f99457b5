"""What the model says of every sentence of a split."""

from collections import deque
from typing import Any

import jax
import numpy as np
from flax import nnx

from seqtag.batch import Batch, Outputs
from seqtag.data.ahead import prepared_ahead
from seqtag.data.batching import Buckets, Plan, make_batch, plan_batches, sentences_of
from seqtag.data.decoding import OutputDecoder, Prediction
from seqtag.data.encoding import TokenTable
from seqtag.data.split import Split
from seqtag.nn.devices import Devices
from seqtag.nn.programs import Programs

_IN_FLIGHT = 3
"""Batches whose results are not fetched yet: enough that the device need not wait for the host."""


class Predictor:
    """Predicts splits with one set of compiled programs, whatever the weights."""

    def __init__(self, graph: Any, table: TokenTable, buckets: Buckets, devices: Devices) -> None:
        self.table = table
        self.buckets = buckets
        self.devices = devices
        self.decoder = OutputDecoder(table.vocabulary.tags)
        self.programs = Programs(
            lambda params, constants, batch: nnx.merge(graph, params, constants).outputs(batch),
            out_shardings=devices.spread,
        )

    def predict(self, params: Any, constants: Any, split: Split) -> list[Prediction]:
        """The prediction for each sentence, in the order of the split."""
        plans = plan_batches(split.lengths, self.buckets)

        def prepare(plan: Plan) -> Batch:
            tokens = split[plan.sentences].tokens
            shape = (self.devices.rows(self.buckets.rows(plan.length)), plan.length)
            rows, sentences = list(sentences_of(plan, tokens)), self.buckets.sentences(plan.length)
            return self.devices.spread_batch(make_batch(rows, None, self.table, shape, sentences))

        found: dict[int, Prediction] = {}
        running: deque[tuple[Plan, Outputs]] = deque()

        def fetch() -> None:
            plan, outputs = running.popleft()
            lengths = [split.lengths[row].tolist() for row in plan.rows]
            outputs = jax.tree.map(np.asarray, outputs)
            found.update(zip(plan.sentences, self.decoder.sentences(lengths, outputs), strict=True))

        for plan, batch in zip(plans, prepared_ahead(prepare, plans), strict=True):
            running.append((plan, self.programs(batch.shape, params, constants, batch)))
            if len(running) > _IN_FLIGHT:
                fetch()
        while running:
            fetch()
        return [found[sentence] for sentence in range(len(split))]
