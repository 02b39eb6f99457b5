"""The model's tags for every sentence of a split."""

from collections import deque
from typing import Any

import jax
import numpy as np
from flax import nnx

from seqtag.batch import Batch
from seqtag.data.ahead import prepared_ahead
from seqtag.data.batching import Buckets, Plan, in_order, make_batch, plan_batches, sentences_of
from seqtag.data.encoding import TokenTable
from seqtag.data.split import Split
from seqtag.nn.devices import Devices
from seqtag.nn.programs import Programs
from seqtag.schemes import convert

_IN_FLIGHT = 3
"""Batches whose results are not fetched yet: enough that the device need not wait for the host."""


class Predictor:
    """Decodes splits with one set of compiled programs, whatever the weights."""

    def __init__(self, graph: Any, table: TokenTable, buckets: Buckets, devices: Devices) -> None:
        self.table = table
        self.buckets = buckets
        self.devices = devices
        self.programs = Programs(
            lambda params, constants, batch: nnx.merge(graph, params, constants).decode(batch),
            out_shardings=devices.spread,
        )

    def predict(self, params: Any, constants: Any, split: Split) -> list[list[str]]:
        """IOB2 tags of each sentence, in the order of the split."""
        plans = plan_batches(split.lengths, self.buckets)

        def prepare(plan: Plan) -> Batch:
            tokens = split[plan.sentences].tokens
            shape = (self.devices.rows(self.buckets.rows(plan.length)), plan.length)
            return self.devices.spread_batch(make_batch(list(sentences_of(plan, tokens)), None, self.table, shape))

        running: deque[jax.Array] = deque()
        decoded: list[np.ndarray] = []
        for batch in prepared_ahead(prepare, plans):
            running.append(self.programs(batch.shape, params, constants, batch))
            if len(running) > _IN_FLIGHT:
                decoded.append(np.asarray(running.popleft()))
        decoded += [np.asarray(result) for result in running]
        tags = self.table.vocabulary.tags
        ids = in_order(plans, decoded, split.lengths)
        return [convert([tags[tag] for tag in sentence], "IOB2") for sentence in ids]
