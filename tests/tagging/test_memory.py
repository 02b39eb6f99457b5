"""What a full batch takes in memory, compiled as by users."""

import jax
import pytest
from flax import nnx
from tiny_model import WORDS, tiny_model

from seqtag.tagging import engine

pytestmark = pytest.mark.usefixtures("compiled_as_by_users")


def test_a_full_batch_takes_less_memory_than_glibc_maps_anew_at_each_call() -> None:
    """What is larger than 32 MB is mapped and given back each time, which took a quarter of the time to tag."""
    model = tiny_model(hidden_size=256, word_dim=100, affix_lengths=[1, 2, 3, 4])
    (batch,) = engine.Engine(model).prepare([WORDS[:16]] * 256, range(256)).batches
    assert batch.token_ids.shape == (32, 128)
    tag = jax.jit(lambda params, constants, batch: nnx.merge(model.graph, params, constants).outputs(batch))
    memory = tag.lower(model.params, model.constants, batch).compile().memory_analysis()
    assert memory is not None
    assert 8 * 2**20 < memory.temp_size_in_bytes < 32 * 2**20
