"""The second loss: the words beside each token, in its own sentence and no other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from seqtag.nn.language_model import LanguageModelHead

WORDS = 6
LENGTHS = [3, 1, 4]


def head(directions: int) -> LanguageModelHead:
    return LanguageModelHead(5, directions, WORDS, nnx.Rngs(0))


def sentences(directions: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Hidden states and word ids, some of words that the head does not tell apart."""
    rng = np.random.default_rng(0)
    return [
        (rng.standard_normal((length, 5 * directions)).astype(np.float32), rng.integers(1, 9, length))
        for length in LENGTHS
    ]


def expected(own: LanguageModelHead, hidden: np.ndarray, ids: np.ndarray) -> float:
    """Word by word."""
    total = 0.0
    for direction, states in enumerate(np.split(hidden, len(own.projections), axis=-1)):
        for position, state in enumerate(states):
            beside = position + (1 if direction == 0 else -1)
            if 0 <= beside < len(ids):
                scores = own.outputs[direction](jnp.tanh(own.projections[direction](jnp.asarray(state))))
                word = ids[beside] if ids[beside] < WORDS else 1
                total -= float(jax.nn.log_softmax(scores)[word])
    return total


@pytest.mark.parametrize("directions", [1, 2])
def test_the_loss_is_that_of_each_sentence_however_they_are_packed(directions: int) -> None:
    own, made = head(directions), sentences(directions)
    alone = sum(expected(own, hidden, ids) for hidden, ids in made)
    for rows in ([[0, 1, 2]], [[0], [1], [2]], [[2, 0], [1]]):
        length = 1 + max(sum(LENGTHS[one] for one in row) for row in rows)
        hidden = np.full((len(rows), length, 5 * directions), 7.0, np.float32)
        word_ids, sentence_ids = np.zeros((len(rows), length), int), np.zeros((len(rows), length), int)
        for index, row in enumerate(rows):
            position = 0
            for number, one in enumerate(row, 1):
                end = position + LENGTHS[one]
                hidden[index, position:end], word_ids[index, position:end] = made[one]
                sentence_ids[index, position:end] = number
                position = end
        found = own.loss(*map(jnp.asarray, (hidden, word_ids, sentence_ids)))
        assert found.shape == (len(rows),)
        assert float(found.sum()) == pytest.approx(alone, rel=1e-5)
