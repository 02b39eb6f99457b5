"""The optimizer: what is clipped, and by which length."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seqtag.config import TrainingConfig
from seqtag.training.optimizer import learning_rate, make_optimizer


def test_each_member_of_an_ensemble_is_clipped_as_if_it_were_alone() -> None:
    config = TrainingConfig(optimizer="sgd", momentum=0.0, clip_norm=5.0)
    gradients = {"members": {0: {"a": jnp.full(9, 1.0)}, 1: {"a": jnp.full(9, 100.0), "b": jnp.ones(2)}}}

    def updates(own: dict, members: int) -> dict:
        optimizer = make_optimizer(config, lambda step: jnp.ones(()), members)
        return optimizer.update(own, optimizer.init(own), own)[0]

    together = updates(gradients, 2)
    for number in (0, 1):
        alone = updates({"members": {0: gradients["members"][number]}}, 1)
        for own, other in zip(
            jax.tree.leaves(together["members"][number]), jax.tree.leaves(alone["members"][0]), strict=True
        ):
            np.testing.assert_allclose(own, other, rtol=1e-6)
    np.testing.assert_allclose(together["members"][0]["a"], -1.0)


def test_the_rate_grows_through_the_warm_up_and_then_follows_its_schedule() -> None:
    config = TrainingConfig(learning_rate=1.0, epochs=3, warmup_steps=3, schedule="inverse_time", decay_rate=1.0)
    rate = learning_rate(config, steps_per_epoch=4)
    assert [float(rate(step)) for step in range(4)] == pytest.approx([0.25, 0.5, 0.75, 1 / (1 + 3 / 4)])
    # By the epochs done, those of the warm-up among them.
    assert float(rate(7)) == pytest.approx(1 / (1 + 7 / 4))
    cosine = learning_rate(TrainingConfig(learning_rate=1.0, epochs=3, warmup_steps=4, schedule="cosine"), 4)
    assert [float(cosine(step)) for step in (3, 4, 8, 12)] == pytest.approx([0.8, 1.0, 0.5, 0.0], abs=1e-6)
