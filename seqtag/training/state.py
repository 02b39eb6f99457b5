"""What training changes: arrays on the device and a few numbers on the host. A checkpoint is exactly these."""

import dataclasses
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Int32

from seqtag.config import TrainingConfig
from seqtag.training.optimizer import make_plateau


class TrainState(NamedTuple):
    """Arrays on the device."""

    params: Any
    optimizer: Any
    average: Any
    """Exponential moving average of the parameters; None where it is not asked for."""
    plateau: Any
    """State of the plateau schedule; None for other schedules."""
    step: Int32[Array, ""]
    """Updates made so far."""

    @property
    def evaluated(self) -> Any:
        """The parameters that are scored and kept."""
        return self.params if self.average is None else self.average


@dataclass
class Progress:
    """Where a run stands, on the host."""

    epoch: int = 0
    """Epochs finished."""
    batch: int = 0
    """Batches of the epoch under way that are done."""
    loss: float = 0.0
    """Sum of their losses, in nats."""
    best_score: float = -1.0
    best_epoch: int = 0
    evaluations_since_best: int = 0
    seconds: float = 0.0
    """Wall time of the run, earlier sittings included."""
    training_seconds: float = 0.0
    """Time spent in training steps: no compiling, evaluating or checkpointing."""
    tokens: int = 0
    """Real tokens trained on."""
    log_lines: int = 0
    fingerprint: str = ""
    """As `Experiment.fingerprint`, to notice at resumption that the data have changed."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)


def initial_state(params: Any, optimizer: optax.GradientTransformation, config: TrainingConfig) -> TrainState:
    """The state before the first step. Its arrays are its own: steps may overwrite them."""
    params = jax.tree.map(jnp.copy, params)
    plateau = make_plateau(config)
    return TrainState(
        params=params,
        optimizer=optimizer.init(params),
        average=None if config.ema_decay is None else jax.tree.map(jnp.copy, params),
        plateau=None if plateau is None else plateau.init(()),
        step=jnp.zeros((), jnp.int32),
    )
