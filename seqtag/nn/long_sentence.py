"""What the heads read of a sentence too long for a row: in pieces, the recurrent state carried from one to the next.

The result is that of the whole sentence in one row. Memory is that of one piece on the device, and on the host the
hidden states of one reading direction (of both, between layers).
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from flax import nnx
from jaxtyping import Bool, Float

from seqtag.batch import Batch
from seqtag.nn.member import Member
from seqtag.nn.programs import Programs


class LongSentences:
    """The programs that read a piece: of each member one for the embeddings, and one for each layer and direction."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._programs: dict[Hashable, Programs] = {}

    @property
    def compiled_shapes(self) -> int:
        """Programs compiled so far."""
        return sum(map(len, self._programs.values()))

    def states(
        self, params: Any, constants: Any, pieces: Sequence[Callable[[], Batch]], as_emissions: bool
    ) -> Float[np.ndarray, "time features"]:
        """Hidden states of a sentence, or what the tag heads make of them, padding of the last piece included.

        Args:
            params: weights.
            constants: weights that are not trained.
            as_emissions: scores of tags, which take less memory, in place of hidden states.
            pieces: each makes one piece of the sentence when called, since they are asked for once a direction: one row
                of the same length, only the last with padding.
        """
        weights = (params, constants)
        members = nnx.merge(self._graph, params, constants).members
        masks = [np.asarray(piece().mask) for piece in pieces]
        found = [
            self._of_member(number, own, weights, pieces, masks, as_emissions) for number, own in enumerate(members)
        ]
        return np.mean(found, axis=0) if as_emissions else np.concatenate(found, axis=-1)

    def _of_member(
        self,
        number: int,
        member: Member,
        weights: tuple[Any, Any],
        pieces: Sequence[Callable[[], Batch]],
        masks: Sequence[Bool[np.ndarray, "1 piece"]],
        as_emissions: bool,
    ) -> Float[np.ndarray, "time features"]:
        def run(part: Hashable, function: Callable[..., Any], shape: Hashable, *inputs: Any) -> Any:
            return self._run(number, part, function, shape, weights, *inputs)

        def embedded(index: int) -> Any:
            batch = pieces[index]()
            return run("embeddings", lambda own, batch: own.embeddings(batch), batch.shape, batch)

        def read(layer: int, direction: int, index: int, carry: Any) -> Any:
            def function(own: Member, *inputs: Any) -> Any:
                return own.encoder.layers[layer].continued(*inputs, direction)

            return run((layer, direction), function, masks[index].shape, values(index), carry, masks[index])

        values: Callable[[int], Any] = embedded
        for layer, own_layer in enumerate(member.encoder.layers):
            backwards: list[Any] = []
            if own_layer.directions == 2:
                carry = own_layer.initial_carry(1)
                for index in reversed(range(len(pieces))):
                    hidden, carry = read(layer, 1, index, carry)
                    backwards.append(np.asarray(hidden))
            carry = own_layer.initial_carry(1)
            outputs: list[Any] = []
            for index in range(len(pieces)):
                hidden, carry = read(layer, 0, index, carry)
                if backwards:
                    hidden = np.concatenate([np.asarray(hidden), backwards.pop()], axis=-1)
                if as_emissions and layer + 1 == len(member.encoder.layers):
                    hidden = run("head", lambda own, hidden: own.head.emissions(hidden), masks[index].shape, hidden)
                outputs.append(np.asarray(hidden))
            values = outputs.__getitem__
        return np.concatenate([values(index)[0] for index in range(len(pieces))])

    def _run(
        self, number: int, part: Hashable, function: Callable[..., Any], shape: Hashable, weights: Any, *inputs: Any
    ) -> Any:
        """Run the program of a part of a member on pieces of a shape."""
        key, graph = (number, part), self._graph
        if key not in self._programs:
            self._programs[key] = Programs(
                lambda weights, *inputs: function(nnx.merge(graph, *weights).members[number], *inputs)
            )
        return self._programs[key](shape, weights, *inputs)
