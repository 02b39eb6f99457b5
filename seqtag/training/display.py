"""What a run shows while it trains: a progress bar on a terminal, plain lines elsewhere; TensorBoard if asked."""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from seqtag.errors import InputError
from seqtag.evaluation.reports import LOGGED_SCORES

_SMOOTHING = 0.95
"""Of the loss and the speed shown; each step counts for what is left of 1."""


class Display:
    """Shows steps and evaluations on stderr."""

    def __init__(self, steps: int, tensorboard: Path | None = None) -> None:
        """`steps` is how many updates the whole run has."""
        console = Console(file=sys.stderr)
        self._console = console
        self._bar: Progress | None = None
        self._task = TaskID(0)
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[figures]}"),
                console=console,
            )
            self._task = self._bar.add_task("epoch 1", total=steps, figures="")
        # Called at the first figure: before, it is not certain that the run may go on.
        self._make_writer = _tensorboard_maker(tensorboard) if tensorboard else None
        self._writer: Any = None
        self._loss: float | None = None
        self._scores = ""
        self._speed: float | None = None
        self._last: float | None = None
        self._done = 0

    def __enter__(self) -> "Display":
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()
        if self._writer:
            self._writer.close()

    def resumed(self, steps: int, epochs: int) -> None:
        """The run goes on after `steps` updates and `epochs` epochs."""
        self._done = steps
        self._console.print(f"resumed after {epochs} epochs and {steps} updates")
        if self._bar:
            self._bar.update(self._task, completed=steps, description=f"epoch {epochs + 1}")

    def step(self, loss: float, tokens: int) -> None:
        """A step is done: its loss in nats, and its real tokens."""
        self._done += 1
        now = time.perf_counter()
        if self._last is not None:
            speed = tokens / max(now - self._last, 1e-9)
            self._speed = speed if self._speed is None else _SMOOTHING * self._speed + (1 - _SMOOTHING) * speed
        self._last = now
        self._loss = loss if self._loss is None else _SMOOTHING * self._loss + (1 - _SMOOTHING) * loss
        self._write("train/loss", loss, self._done)
        if self._bar:
            figures = f"loss {self._loss:.4f}"
            figures += self._scores
            if self._speed is not None:
                figures += f"  {self._speed:,.0f} tokens/s"
            self._bar.update(self._task, advance=1, figures=figures)

    def evaluation(self, entry: dict[str, Any]) -> None:
        """An epoch was evaluated: its line of `log.jsonl`."""
        self._last = None  # the time an evaluation takes is not a step's
        self._scores = "".join(f"  {shown} {entry[name]:.4f}" for name, shown in LOGGED_SCORES.items() if name in entry)
        for name in ("loss", *LOGGED_SCORES, "learning_rate", "tokens_per_second"):
            if name in entry:
                self._write(f"epoch/{name}", entry[name], entry["step"])
        if self._bar:
            self._bar.update(self._task, description=f"epoch {entry['epoch'] + 1}")
        validation = f"  validation{self._scores}" if self._scores else ""
        speed = f"{entry['tokens_per_second']:,.0f} tokens/s"
        line = f"epoch {entry['epoch']:>3}  loss {entry['loss']:.4f}{validation}  {speed}"
        self._console.print(line, highlight=False, soft_wrap=True)

    def _write(self, name: str, value: float, step: int) -> None:
        """To TensorBoard, if asked."""
        if self._make_writer is None:
            return
        self._writer = self._writer or self._make_writer()
        self._writer.add_scalar(name, value, step)


def _tensorboard_maker(directory: Path) -> Callable[[], Any]:
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise InputError("training.tensorboard needs tensorboardX: pip install tensorboardX") from error
    return partial(SummaryWriter, str(directory))
