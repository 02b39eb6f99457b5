"""The training loop: steps, evaluation after each epoch, checkpoints, and going on from one."""

import math
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from seqtag.data.ahead import prepared_ahead
from seqtag.evaluation.evaluating import quick_scores
from seqtag.evaluation.predictor import Predictor
from seqtag.stopping import Stopped, StopSignals
from seqtag.training.checkpoint import Checkpoint, Checkpoints
from seqtag.training.experiment import Experiment
from seqtag.training.optimizer import make_plateau
from seqtag.training.run_directory import RunDirectory
from seqtag.training.state import Progress, TrainState, initial_state
from seqtag.training.step import Step

_IN_FLIGHT = 4
"""Steps whose loss is not fetched yet: enough that the device need not wait for the host."""


@runtime_checkable
class Watcher(Protocol):
    """What the loop tells whoever watches."""

    def resumed(self, steps: int, epochs: int) -> None:
        """The run goes on after `steps` updates and `epochs` epochs."""
        ...

    def step(self, loss: float, tokens: int) -> None:
        """A step is done: its loss in nats, and its real tokens."""
        ...

    def evaluation(self, entry: dict[str, Any]) -> None:
        """An epoch was evaluated: its line of `log.jsonl`. What this raises ends the run, without a checkpoint."""
        ...


class Fitted(NamedTuple):
    """What training leaves."""

    params: Any
    """Weights of the best evaluation; of the last one where there is no validation part."""
    progress: Progress
    compile_seconds: float
    compiled_shapes: int


class Loop:
    """One run."""

    def __init__(
        self,
        experiment: Experiment,
        run: RunDirectory,
        checkpoints: Checkpoints,
        predictor: Predictor,
        watchers: Sequence[Watcher],
    ) -> None:
        self.experiment = experiment
        self.config = experiment.config.training
        self.run = run
        self.checkpoints = checkpoints
        self.predictor = predictor
        self.watchers = watchers
        self.progress = Progress(fingerprint=experiment.fingerprint)
        self.plateau = make_plateau(self.config)
        self.step = Step(experiment)
        self.state = experiment.devices.replicate(initial_state(experiment.params, experiment.optimizer, self.config))
        self.best = experiment.params

    def restore(self) -> None:
        """Go on from the newest checkpoint, if there is one. Raises InputError where it is damaged or of other data."""
        if self.checkpoints.latest() is None:
            return
        found = self.checkpoints.restore(self._checkpoint())
        self.state, self.best, self.experiment.constants, self.progress = found
        for watcher in self.watchers:
            watcher.resumed(int(self.state.step), self.progress.epoch)

    def fit(self) -> Fitted:
        """Train to the last epoch, or until early stopping.

        Raises Stopped after SIGINT or SIGTERM, a checkpoint written; FloatingPointError when the loss is not finite.
        """
        self.run.cut_log(self.progress.log_lines)
        self._started = time.monotonic() - self.progress.seconds
        with StopSignals() as signals:
            try:
                while self.progress.epoch < self.config.epochs and not self._has_converged():
                    self._train_epoch(signals)
                    self._evaluate()
                    self._save()
                    if signals.received is not None:
                        raise Stopped(signals.received)
            except Exception as error:
                # Whoever goes on with another run after this one has to know that the process is to stop.
                if signals.received is not None:
                    raise Stopped(signals.received) from error
                raise
        self.progress.seconds = time.monotonic() - self._started
        return Fitted(
            params=self.best,
            progress=self.progress,
            compile_seconds=self.step.compile_seconds,
            compiled_shapes=self.step.compiled_shapes,
        )

    def _train_epoch(self, signals: StopSignals) -> None:
        experiment, progress = self.experiment, self.progress
        plans = experiment.plan(progress.epoch)[progress.batch :]
        losses: deque[tuple[jax.Array, int]] = deque()

        def fetch(leave: int) -> None:
            while len(losses) > leave:
                loss, tokens = losses.popleft()
                self._count_step(float(loss), tokens)

        watch = _Stopwatch(self.step)
        for work in prepared_ahead(experiment.prepare, plans):
            self.state, loss = self.step(self.state, work)
            losses.append((loss, work.tokens))
            fetch(_IN_FLIGHT)
            every = self.config.checkpoint_steps
            if signals.received is not None or (every and (progress.batch + len(losses)) % every == 0):
                fetch(0)
                progress.training_seconds += watch.lap()
                self._save()
                if signals.received is not None:
                    raise Stopped(signals.received)
                watch.lap()  # saving is not training
        fetch(0)
        progress.training_seconds += watch.lap()
        progress.epoch += 1

    def _count_step(self, loss: float, tokens: int) -> None:
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"the loss is {loss} in epoch {self.progress.epoch + 1}, batch {self.progress.batch + 1}; "
                "try a lower training.learning_rate or training.clip_norm"
            )
        self.progress.batch += 1
        self.progress.loss += loss
        self.progress.tokens += tokens
        for watcher in self.watchers:
            watcher.step(loss, tokens)

    def _evaluate(self) -> None:
        """Score the epoch just finished, keep it if it is the best, and log it."""
        progress, state = self.progress, self.state
        entry: dict[str, Any] = {
            "epoch": progress.epoch,
            "step": int(state.step),
            "loss": progress.loss / max(1, progress.batch),
            "learning_rate": self._learning_rate(),
        }
        progress.batch, progress.loss = 0, 0.0
        validation = self.experiment.splits.get("validation")
        if validation is None:
            self._keep(state)
        else:
            predicted = self.predictor.predict(state.evaluated, self.experiment.constants, validation)
            scores = quick_scores(validation[range(len(validation))], predicted, self.experiment.vocabulary)
            score = scores["selection"]
            entry |= {f"validation_{name}": value for name, value in scores.items()}
            if score > progress.best_score:
                self._keep(state)
                progress.best_score, progress.evaluations_since_best = score, 0
            else:
                progress.evaluations_since_best += 1
            if self.plateau is not None:
                _, plateau = self.plateau.update((), state.plateau, value=-score)
                self.state = state._replace(plateau=self.experiment.devices.replicate(plateau))
        progress.seconds = time.monotonic() - self._started
        speed = progress.tokens / progress.training_seconds if progress.training_seconds else 0.0
        entry |= {"seconds": round(progress.seconds, 3), "tokens_per_second": round(speed, 1)}
        self.run.append_log(entry)
        progress.log_lines += 1
        for watcher in self.watchers:
            watcher.evaluation(entry)

    def _keep(self, state: TrainState) -> None:
        # A copy: the state's own arrays are given away at the next step.
        self.best = jax.tree.map(jnp.copy, state.evaluated)
        self.progress.best_epoch = self.progress.epoch

    def _learning_rate(self) -> float:
        """Of the last update."""
        rate = float(jnp.asarray(self.experiment.schedule(int(self.state.step) - 1)))
        return rate * float(self.state.plateau.scale) if self.state.plateau is not None else rate

    def _has_converged(self) -> bool:
        patience = self.config.early_stopping
        return patience is not None and self.progress.evaluations_since_best >= patience

    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(self.state, self.best, self.experiment.constants, self.progress)

    def _save(self) -> None:
        self.progress.seconds = time.monotonic() - self._started
        self.checkpoints.save(self._checkpoint())


class _Stopwatch:
    """Seconds of training without those that a step spends compiling."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._counted = self._now()

    def lap(self) -> float:
        """Since this was last asked, or the watch was made."""
        before, self._counted = self._counted, self._now()
        return self._counted - before

    def _now(self) -> float:
        return time.perf_counter() - self._step.compile_seconds
