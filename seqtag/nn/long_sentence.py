"""What the heads read of a sentence too long for a row: in pieces, the recurrent state carried from one to the next.

The result is that of the whole sentence in one row. Memory is that of one piece on the device, and on the host the
hidden states of one reading direction (of both, between layers).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from flax import nnx
from jaxtyping import Float

from seqtag.batch import Batch
from seqtag.nn.programs import Programs

Values = Float[np.ndarray, "1 time features"]


class LongSentences:
    """The programs that read a piece: one for the embeddings, one for each layer and direction, one for the head."""

    def __init__(self, graph: Any) -> None:
        def of(run: Callable[..., Any]) -> Programs:
            return Programs(lambda weights, *inputs: run(nnx.merge(graph, *weights), *inputs))

        self._embed = of(lambda model, batch: model.embeddings(batch))
        self._head = of(lambda model, hidden: model.head.emissions(hidden))
        self._graph = graph
        self._layers: dict[tuple[int, int], Programs] = {}

    @property
    def compiled_shapes(self) -> int:
        """Programs compiled so far."""
        return sum(map(len, (self._embed, self._head, *self._layers.values())))

    def states(
        self, params: Any, constants: Any, pieces: Sequence[Callable[[], Batch]], as_emissions: bool
    ) -> Float[np.ndarray, "time features"]:
        """Hidden states of a sentence, or what the tag head makes of them, padding of the last piece included.

        Args:
            params: weights.
            constants: weights that are not trained.
            as_emissions: scores of tags, which take less memory, in place of hidden states.
            pieces: each makes one piece of the sentence when called, since they are asked for once a direction: one row
                of the same length, only the last with padding.
        """
        weights = (params, constants)
        model = nnx.merge(self._graph, params, constants)
        masks = [np.asarray(piece().mask) for piece in pieces]
        shape = masks[0].shape

        def embedded(index: int) -> Any:
            batch = pieces[index]()
            return self._embed(batch.shape, weights, batch)

        values: Callable[[int], Any] = embedded
        for number, layer in enumerate(model.encoder.layers):
            backwards: list[Any] = []
            if layer.directions == 2:
                carry = layer.initial_carry(1)
                for index in reversed(range(len(pieces))):
                    hidden, carry = self._run(number, 1, weights, values(index), carry, masks[index])
                    backwards.append(np.asarray(hidden))
            carry = layer.initial_carry(1)
            outputs: list[Any] = []
            for index in range(len(pieces)):
                hidden, carry = self._run(number, 0, weights, values(index), carry, masks[index])
                if backwards:
                    hidden = np.concatenate([np.asarray(hidden), backwards.pop()], axis=-1)
                is_last = number + 1 == len(model.encoder.layers)
                scored = as_emissions and is_last
                outputs.append(np.asarray(self._head(shape, weights, hidden) if scored else hidden))
            values = outputs.__getitem__
        return np.concatenate([values(index)[0] for index in range(len(pieces))])

    def _run(self, number: int, direction: int, weights: Any, values: Any, carry: Any, mask: Any) -> Any:
        key = (number, direction)
        if key not in self._layers:
            graph = self._graph
            self._layers[key] = Programs(
                lambda weights, *inputs: nnx.merge(graph, *weights).encoder.layers[number].continued(*inputs, direction)
            )
        return self._layers[key](mask.shape, weights, values, carry, mask)
