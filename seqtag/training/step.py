"""One update of the weights: the gradients of a batch's parts, side by side, then the optimizer on their sum."""

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, PRNGKeyArray

from seqtag.batch import Batch
from seqtag.nn.dropout import keys_of_rows
from seqtag.nn.label_head import LabelObjective
from seqtag.nn.lanes import Lanes
from seqtag.nn.programs import Programs
from seqtag.training.experiment import Experiment, Work
from seqtag.training.lazy import Lookups, rows_by_token
from seqtag.training.state import TrainState


class Part(NamedTuple):
    """A part of a batch, and what it has to know of the whole."""

    batch: Batch
    first_row: int
    """The first of its rows, as the whole counts them."""
    tokens: int
    """Real tokens of all parts."""
    labelled: int
    """Sentences of all parts whose labels are known."""


class Gradients(NamedTuple):
    """What a part adds to the gradients, and to the loss."""

    params: Any
    """Lazy tables have a row for each look-up."""
    loss: Float[Array, ""]


class Step:
    """Updates, each by one program for every part of its batch and one for the optimizer."""

    def __init__(self, experiment: Experiment) -> None:
        devices = experiment.devices
        self._experiment = experiment
        self._lanes = Lanes(devices.programs_at_once)
        self._gradients = Programs(make_gradients(experiment), out_shardings=devices.replicated)
        self._update = Programs(make_update(experiment), donate_argnums=(0,), out_shardings=devices.replicated)
        self._key = devices.replicate(jax.random.fold_in(jax.random.key(experiment.config.training.seed), 1))
        self._word_drop_rates = devices.replicate(experiment.word_drop_rates)
        teacher = experiment.teacher
        self._teacher = devices.replicate(None if teacher is None else (teacher.params, teacher.constants))

    @property
    def compile_seconds(self) -> float:
        """Spent compiling so far."""
        return self._gradients.seconds + self._update.seconds

    @property
    def compiled_shapes(self) -> int:
        """How many shapes of parts there are programs for."""
        return len(self._gradients)

    def __call__(self, state: TrainState, work: Work) -> tuple[TrainState, jax.Array]:
        """The next state and the loss: nats a token for tags and for words, a text for labels, their weighted sum.

        Of an ensemble, the mean of its members'. The state's arrays are given away.
        """
        experiment = self._experiment

        def run(part: Part) -> Gradients:
            return self._gradients(
                part.batch.shape,
                state.params,
                state.step,
                experiment.constants,
                part,
                self._key,
                self._word_drop_rates,
                self._teacher,
            )

        parts = [
            Part(batch, number * len(batch.token_ids), work.tokens, work.labelled)
            for number, batch in enumerate(work.batches)
        ]
        found = self._lanes.map(run, parts)
        lookups = work.lookups
        sizes = lookups and tuple(len(lookup.positions) for lookup in lookups.tables.values())
        return self._update((len(parts), sizes), state, lookups, found)


def make_gradients(experiment: Experiment) -> Callable[..., Gradients]:
    """`(params, step, constants, part, key, word_drop_rates, teacher) -> gradients`."""
    config, graph = experiment.config.training, experiment.graph
    label_weight = config.label_loss_weight if experiment.config.task == "joint" else 1.0
    members = experiment.config.model.members
    objective = LabelObjective(config.label_smoothing, jnp.asarray(experiment.class_weights))

    def gradients(
        params: Any,
        step: Int[Array, ""],
        constants: Any,
        part: Part,
        key: PRNGKeyArray,
        word_drop_rates: Float[Array, " words"],
        teacher: Any,
    ) -> Gradients:
        batch = part.batch
        rows = part.first_row + jnp.arange(len(batch.token_ids))
        keys = keys_of_rows(jax.random.fold_in(key, step), rows)
        drop_rates = word_drop_rates[batch.tokens.word_ids]
        # With ids of the whole vocabulary, before lazy embeddings count rows anew.
        word_ids = batch.tokens.word_ids[batch.token_ids] if config.language_model_weight else None
        lesson = None
        if experiment.teacher is not None:
            lesson = nnx.merge(experiment.teacher.graph, *teacher).lesson(batch, config.teacher_weight)
        if config.lazy_embeddings:
            tokens, params = rows_by_token(batch.tokens, params)
            batch = batch._replace(tokens=tokens)

        def loss(params: Any) -> Float[Array, ""]:
            losses = nnx.merge(graph, params, constants).losses(batch, objective, drop_rates, keys, word_ids, lesson)
            of_tokens = losses.tags.sum() + config.language_model_weight * losses.words.sum()
            return of_tokens / part.tokens + label_weight * losses.labels.sum() / jnp.maximum(part.labelled, 1)

        value, found = jax.value_and_grad(loss)(params)
        return Gradients(found, value / members)

    return gradients


def make_update(experiment: Experiment) -> Callable[..., tuple[TrainState, jax.Array]]:
    """`(state, lookups, gradients) -> (state, loss)`, with the gradients of each part."""
    config, optimizer = experiment.config.training, experiment.optimizer

    def apply(state: TrainState, gradients: Any) -> TrainState:
        updates, optimizer_state = optimizer.update(gradients, state.optimizer, state.params)
        if state.plateau is not None:
            updates = jax.tree.map(lambda update: update * state.plateau.scale, updates)
        return state._replace(params=optax.apply_updates(state.params, updates), optimizer=optimizer_state)

    def update(
        state: TrainState, lookups: Lookups | None, parts: list[Gradients]
    ) -> tuple[TrainState, Float[Array, ""]]:
        average, state = state.average, state._replace(average=None)
        gradients = [part.params for part in parts]
        if lookups is not None:
            rows = apply(lookups.gather(state), lookups.added(gradients))
            state = lookups.scatter(state, rows)
        else:
            state = apply(state, jax.tree.map(lambda *own: reduce(add, own), *gradients))
        if config.ema_decay is not None:
            # Short memory at first, so that the average does not drag the initial weights along.
            decay = jnp.minimum(config.ema_decay, (1.0 + state.step) / (10.0 + state.step))
            average = optax.incremental_update(state.params, average, 1.0 - decay)
        return state._replace(average=average, step=state.step + 1), reduce(add, (part.loss for part in parts))

    return update
