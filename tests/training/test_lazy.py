"""Lazy embeddings: what a batch looks up is updated as if the rest of the table were not there."""

from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from seqtag.batch import Tokens
from seqtag.config import ModelConfig
from seqtag.data.batching import make_batch
from seqtag.data.encoding import TokenTable
from seqtag.nn.model import Network
from seqtag.training.lazy import Lookups, rows_by_token
from seqtag.vocabulary import build_vocabulary

TOKENS = Tokens(
    word_ids=jnp.array([0, 1, 5, 9, 5, 0]),
    vector_ids=jnp.array([0, 0, 3, 3, 1, 0]),
    shape_ids=jnp.array([0, 0, 2, 2, 2, 0]),
    affix_ids=jnp.array([[0, 0], [0, 0], [7, 12], [7, 13], [8, 12], [0, 0]]),
    char_ids=jnp.zeros((6, 3), jnp.int32),
)


def tables(seed: int = 0) -> dict[str, Any]:
    keys = iter(jax.random.split(jax.random.key(seed), 6))

    def table(rows: int) -> dict[str, Any]:
        return {"table": jax.random.normal(next(keys), (rows, 2))}

    embeddings = {"words": table(20), "shapes": table(4), "affixes": table(40), "vectors": table(50)}
    return {"embeddings": embeddings, "other": jnp.ones(3)}


def looked_up(params: Any, tokens: Tokens) -> list[jax.Array]:
    own = params["embeddings"]
    parts = [own["words"]["table"][tokens.word_ids], own["vectors"]["table"][tokens.vector_ids]]
    parts.append(own["shapes"]["table"][tokens.shape_ids])
    return [*parts, own["affixes"]["table"][tokens.affix_ids]]


def loss_of(params: Any, tokens: Tokens) -> jax.Array:
    return sum((part**2).sum() * weight for weight, part in enumerate(looked_up(params, tokens), 1))


def step(optimizer: optax.GradientTransformation, params: Any, state: Any, tokens: Tokens) -> tuple[Any, Any]:
    updates, state = optimizer.update(jax.grad(loss_of)(params, tokens), state, params)
    return optax.apply_updates(params, updates), state


def lazy_step(optimizer: optax.GradientTransformation, params: Any, state: Any, *parts: Tokens) -> tuple[Any, Any]:
    found = [jax.grad(loss_of)(*reversed(rows_by_token(part, params))) for part in parts]
    lookups = Lookups.of([jax.tree.map(np.asarray, part) for part in parts], params)
    rows, of_rows = lookups.gather((params, state))
    updates, of_rows = optimizer.update(lookups.added(found), of_rows, rows)
    return lookups.scatter((params, state), (optax.apply_updates(rows, updates), of_rows))


def test_what_is_looked_up_is_the_same() -> None:
    params = tables()
    tokens, rows = rows_by_token(TOKENS, params)
    assert len(rows["embeddings"]["words"]["table"]) == len(TOKENS.word_ids)
    assert len(rows["embeddings"]["shapes"]["table"]) == 4, "a small table stays whole"
    for own, whole in zip(looked_up(rows, tokens), looked_up(params, TOKENS), strict=True):
        np.testing.assert_array_equal(own, whole)


@pytest.mark.parametrize(
    "optimizer", [optax.sgd(0.1), optax.chain(optax.clip_by_global_norm(0.5), optax.adam(0.01))], ids=["sgd", "adam"]
)
def test_a_first_step_is_that_of_the_whole_table(optimizer: optax.GradientTransformation) -> None:
    """What a row has never been moved by it does not remember; from the second step on Adam may differ."""
    params = tables()
    state = optimizer.init(params)
    whole, _ = step(optimizer, params, state, TOKENS)
    lazy, _ = lazy_step(optimizer, params, state, TOKENS)
    for own, other in zip(jax.tree.leaves(lazy), jax.tree.leaves(whole), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-6)
    assert not np.allclose(lazy["embeddings"]["words"]["table"][5], params["embeddings"]["words"]["table"][5])


def test_parts_of_a_batch_are_one_batch() -> None:
    """Rows that several parts look up are counted once, and their gradients are added."""
    params, optimizer = tables(), optax.chain(optax.clip_by_global_norm(0.5), optax.adam(0.01))
    others = jax.tree.map(lambda ids: ids[::-1], TOKENS)._replace(word_ids=jnp.array([0, 1, 2, 9, 9, 5]))
    together = jax.tree.map(lambda *ids: jnp.concatenate(ids), TOKENS, others)
    whole, _ = step(optimizer, params, optimizer.init(params), together)
    lazy, _ = lazy_step(optimizer, params, optimizer.init(params), TOKENS, others)
    for own, other in zip(jax.tree.leaves(lazy), jax.tree.leaves(whole), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-6)


def test_rows_that_are_not_looked_up_keep_weights_and_moments() -> None:
    optimizer = optax.adam(0.01)
    params = tables()
    once = lazy_step(optimizer, params, optimizer.init(params), TOKENS)
    others = TOKENS._replace(word_ids=jnp.array([0, 1, 2, 3, 4, 0]))
    twice = lazy_step(optimizer, *once, others)
    for before, after in zip(jax.tree.leaves(once), jax.tree.leaves(twice), strict=True):
        if before.shape == (20, 2):
            np.testing.assert_array_equal(before[5:], after[5:])
            assert not np.allclose(before[2:5], after[2:5])
    dense = step(optimizer, *once, others)
    assert not np.allclose(dense[0]["embeddings"]["words"]["table"][5], once[0]["embeddings"]["words"]["table"][5])


def test_the_tables_of_a_network_and_of_its_optimizer_are_found() -> None:
    counts = Counter(f"w{letter}{other}" for letter in "abcdefghijklm" for other in "abcdefghijklm")
    vocabulary = build_vocabulary(counts, ["A"], ModelConfig(), ["wab", *(f"v{number}" for number in range(90))])
    vectors = np.ones((len(vocabulary.vectors), 3), np.float32)
    _, params, constants = nnx.split(Network(ModelConfig(), vocabulary, vectors, nnx.Rngs(0)), nnx.Param, ...)
    assert not jax.tree.leaves(constants)
    state = params, optax.adam(0.1).init(params)
    batch = make_batch([[["wab", "wcd"]]], None, TokenTable(vocabulary, 24), (1, 32))
    lookups = Lookups.of([batch.tokens], params)
    distinct = len(batch.tokens.word_ids)

    (small, (moments, _)) = lookups.gather(state)
    for tree in (small, moments.mu, moments.nu):
        (tree,) = tree["members"].values()
        rows = tree["embeddings"]
        assert len(rows["words"]["table"][...]) == distinct < vocabulary.sizes.words
        assert len(rows["vectors"]["table"][...]) == distinct < len(vectors) + 2
        assert len(rows["chars"]["embedding"]["table"][...]) == vocabulary.sizes.chars, "not looked up by token"
        assert tree["encoder"]["layers"][0]["biases"][...].shape == (2, 800)
