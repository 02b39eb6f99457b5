"""How far a long file is, beside it in `FILE.progress`, so that `--resume` can go on; and the bar that shows it."""

import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from seqtag.data.files import write_whole
from seqtag.errors import InputError

_EVERY = 10.0
"""Seconds between two marks."""


@dataclass
class Done:
    """What is in the output so far."""

    records: int = 0
    """Records of the input that are dealt with, skipped ones included."""
    skipped: int = 0
    documents: int = 0
    tokens: int = 0
    entities: int = 0
    checksum: int = 0
    """Of the records, to tell another input by."""
    mark: dict[str, Any] = field(default_factory=dict)
    """What the writer goes on from."""


class ProgressFile:
    """`FILE.progress`: there while the output is not complete."""

    def __init__(self, output: Path, settings: dict[str, Any]) -> None:
        """`settings` are what must not change between two sittings."""
        self.path = output.with_name(f"{output.name}.progress")
        self.output = output
        self.settings = settings
        self._last = time.monotonic()

    def begin(self, resume: bool) -> Done:
        """What is done already. Raises InputError where the output must not be written to, or something has changed."""
        if not self.path.exists():
            parts = parts_folder(self.output)
            if self.output.exists():
                hint = "it is complete, so there is nothing to resume" if resume else "name another file or remove it"
                raise InputError(f"--output {self.output}: is there already; {hint}")
            if self.settings["output_format"] == "parquet" and parts.exists():
                raise InputError(f"--output {self.output}: {parts} is there already; name another file or remove that")
            return Done()
        if not resume:
            raise InputError(f"--output {self.output}: is there already and not complete; go on with --resume")
        try:
            held = json.loads(self.path.read_text(encoding="utf-8"))
            before, done = dict(held["settings"]), Done(**held["done"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{self.path}: is damaged; remove it and {self.output}, and begin anew") from error
        for name, value in self.settings.items():
            if before.get(name) != value:
                flag = f"--{name.replace('_', '-')}"
                was, now = (json.dumps(setting) for setting in (before.get(name), value))
                raise InputError(f"--resume: {flag} was {was} and is {now} now; it must not change")
        return done

    def due(self) -> bool:
        """Whether it is time for the next mark."""
        return time.monotonic() - self._last >= _EVERY

    def save(self, done: Done) -> None:
        """Write it whole or not at all."""
        write_whole(self.path, [json.dumps({"settings": self.settings, "done": asdict(done)}) + "\n"])
        self._last = time.monotonic()

    def end(self) -> None:
        """The output is complete."""
        self.path.unlink(missing_ok=True)


def parts_folder(output: Path) -> Path:
    """Where the part files of a Parquet output lie."""
    return output.with_name(f"{output.name}.parts")


class Bar:
    """Documents and tokens on stderr while they are tagged, where that is a terminal; their sum at the end."""

    def __init__(self, size: int | None, before: Done) -> None:
        """`size` is that of the input, where it is known; `before` is what was done in earlier sittings."""
        self._before = before
        self._console = Console(file=sys.stderr)
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._start = self._shown = time.monotonic()
        if self._console.is_terminal:
            self._progress = Progress(
                BarColumn(), TimeRemainingColumn(), TextColumn("{task.description}"), console=self._console
            )
            self._task = self._progress.add_task("loading", total=size)

    def __enter__(self) -> "Bar":
        if self._progress:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._progress:
            self._progress.stop()

    def update(self, done: Done, position: int) -> None:
        """Show how far it is; `position` in the unit of the size."""
        if self._progress and time.monotonic() - self._shown > 0.1:
            self._shown = time.monotonic()
            self._progress.update(self._task, completed=position, description=self._figures(done))

    def sum(self, done: Done) -> None:
        """One line at the end."""
        before = self._before
        skipped = f", {done.skipped:,} records skipped" if done.skipped else ""
        earlier = f", {before.documents:,} of them before" if before.documents else ""
        seconds = time.monotonic() - self._start
        print(
            f"{done.documents:,} texts{earlier}, {done.tokens:,} tokens, {done.entities:,} entities{skipped}; "
            f"{seconds:,.1f} s, {self._rate(done):,.0f} tokens/s",
            file=sys.stderr,
        )

    def _figures(self, done: Done) -> str:
        return f"{done.documents:,} texts, {done.entities:,} entities, {self._rate(done):,.0f} tokens/s"

    def _rate(self, done: Done) -> float:
        return (done.tokens - self._before.tokens) / max(time.monotonic() - self._start, 1e-3)
