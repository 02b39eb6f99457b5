"""Optimizer and learning rate schedule, from Optax."""

from functools import partial
from typing import Any

import jax
import optax
import optax.contrib

from seqtag.config import TrainingConfig


def learning_rate(config: TrainingConfig, steps_per_epoch: int) -> optax.Schedule:
    """The rate at each step, warm-up included; `plateau` is constant here and scaled from outside."""
    peak, warmup = config.learning_rate, config.warmup_steps
    after_warmup = max(1, config.epochs * steps_per_epoch - warmup)
    if config.schedule == "cosine":
        schedule = optax.cosine_decay_schedule(peak, after_warmup)
    elif config.schedule == "inverse_time":
        # Rate / (1 + decay * epochs done), every step, as in Ma and Hovy (2016, section 3.2).
        schedule = lambda step: peak / (1.0 + config.decay_rate * (step + warmup) / steps_per_epoch)  # noqa: E731
    else:
        schedule = optax.constant_schedule(peak)
    if warmup == 0:
        return schedule
    # The first step is one too: from 0 it would change nothing.
    return optax.join_schedules([optax.linear_schedule(peak / (warmup + 1), peak, warmup), schedule], [warmup])


def make_plateau(config: TrainingConfig) -> optax.GradientTransformationExtraArgs | None:
    """What scales the updates of the `plateau` schedule, fed the negated score of each evaluation; else None."""
    if config.schedule != "plateau":
        return None
    return optax.contrib.reduce_on_plateau(
        factor=config.plateau_factor, patience=config.plateau_patience, rtol=0.0, atol=1e-6
    )


def make_optimizer(config: TrainingConfig, schedule: optax.Schedule, members: int = 1) -> optax.GradientTransformation:
    """Clipping, then the optimizer at the scheduled rate."""
    if config.optimizer == "sgd":
        optimizer = optax.sgd(schedule, momentum=config.momentum)
    elif config.optimizer == "adamw":
        optimizer = optax.adamw(schedule, weight_decay=config.weight_decay)
    else:
        optimizer = optax.adam(schedule)
    if config.clip_norm is None:
        return optimizer
    clip = optax.clip_by_global_norm(config.clip_norm)
    clips = [optax.masked(clip, partial(_of_member, number)) for number in range(members)] if members > 1 else [clip]
    return optax.chain(*clips, optimizer)


def _of_member(number: int, tree: Any) -> Any:
    """Whether each leaf is of this member of an ensemble, which learns by itself."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[1].key == number, tree)
