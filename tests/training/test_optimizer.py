"""The optimizer: what is clipped, and by which length."""

import jax
import jax.numpy as jnp
import numpy as np

from seqtag.config import TrainingConfig
from seqtag.training.optimizer import make_optimizer


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
