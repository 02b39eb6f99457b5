"""The folder of a run: where things lie in it, and when it may be used."""

import datetime
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from seqtag.config import Config
from seqtag.data.files import write_whole
from seqtag.errors import InputError
from seqtag.settings_file import flatten

_LEFT = r"(seed-\d+/)?\.config\.yaml\.tmp|seed-\d+(/config\.yaml)?"
"""What a run leaves that was killed before it had begun: its own configuration is what is written last."""


class RunDirectory:
    """Paths of a run's files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.model = path / "model"
        self.checkpoints = path / "checkpoints"
        self.log = path / "log.jsonl"
        self.report = path / "report.json"
        self.predictions = path / "predictions"
        self.tensorboard = path / "tensorboard"

    def of_seed(self, seed: int) -> "RunDirectory":
        """The run of one of several seeds."""
        return RunDirectory(self.path / f"seed-{seed}")

    def seeds(self) -> list[int]:
        """Those whose runs lie here, in order; none in a run of one seed."""
        found = (re.fullmatch(r"seed-(\d+)", path.parent.name) for path in self.path.glob(f"seed-*/{self.config.name}"))
        return sorted(int(match[1]) for match in found if match)

    def check_seeds(self, asked: Sequence[int]) -> None:
        """Raise InputError where a resumed run is asked for other seeds than it has, more of them aside."""
        own = self.seeds()
        if not own:
            raise InputError(f"--resume: {self.path} holds a run of one seed; name another folder for --seeds")
        if missing := sorted(set(own) - set(asked)):
            raise InputError(
                f"--resume: {self.path} holds a run of seed {missing[0]} too; --seeds may add seeds, not leave them out"
            )

    def check_free(self, left: str = _LEFT) -> None:
        """Raise InputError where the folder already holds something, or cannot be made.

        `left` is a regular expression of paths in it that a start which was killed leaves, and that are no hindrance.
        """
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"--output {self.path}: is a file, not a folder")
        if self.config.exists():
            raise InputError(
                f"--output {self.path}: already holds a run; name another folder, or --resume to continue it"
            )
        paths = (path.relative_to(self.path).as_posix() for path in self.path.rglob("*"))
        if not all(re.fullmatch(left, path) for path in paths):
            raise InputError(f"--output {self.path}: is not empty and holds no run; name another folder")
        there = next(path for path in (self.path, *self.path.absolute().parents) if path.exists())
        if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
            raise InputError(f"--output {self.path}: cannot be made, as {there} is not a folder that you may write to")

    def clear_seeds(self) -> None:
        """Remove the configurations of seeds that a start left which was killed: others may be asked for now."""
        for seed in self.seeds():
            self.of_seed(seed).config.unlink()

    def check_holds_run(self) -> None:
        """Raise InputError where there is no run to resume."""
        if not self.config.exists():
            raise InputError(f"--resume: {self.path} holds no run (no {self.config.name}); start it without --resume")

    def check_same(self, own: Config, asked: Config) -> None:
        """Raise InputError that names the first setting in which `asked` differs from `own`, more epochs aside."""
        for name, value, now in differences(own, asked):
            if name != "training.epochs":
                raise InputError(
                    f"--resume: {name} is {value!r} in {self.config} and {now!r} now; "
                    "only training.epochs may change, and only grow"
                )
        if asked.training.epochs < own.training.epochs:
            raise InputError(
                f"--resume: training.epochs is {own.training.epochs} in {self.config} and cannot become fewer "
                f"({asked.training.epochs})"
            )

    def is_finished(self, config: Config) -> bool:
        """Whether the run of this configuration is done, its report written."""
        return self.report.exists() and yaml.safe_load(self.config.read_text(encoding="utf-8")) == config.to_dict()

    def begin(self, config: Config) -> None:
        """Make the folder, or go on in it, and write down the configuration. A report is of a finished run alone."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"--output {self.path}: cannot be made: {error.strerror}") from error
        for suffix in (".json", ".txt", ".html"):
            self.report.with_suffix(suffix).unlink(missing_ok=True)
        write_config(config, self.config)

    def append_log(self, entry: dict[str, Any]) -> None:
        """Add a line to `log.jsonl`."""
        with open(self.log, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def read_log(self) -> list[dict[str, Any]]:
        """The lines of `log.jsonl`; none where it is gone. Raises InputError for one that is damaged."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log.exists() else []
        try:
            return [json.loads(line) for line in lines]
        except ValueError as error:
            raise InputError(f"{self.log}: holds a line that is not JSON; remove the line") from error

    def cut_log(self, lines: int) -> None:
        """Drop what was logged after the checkpoint that a run goes on from."""
        if self.log.exists():
            kept = self.log.read_text(encoding="utf-8").splitlines(keepends=True)[:lines]
            self.log.write_text("".join(kept), encoding="utf-8")


def write_config(config: Config, path: Path, comment: str = "") -> None:
    """Write down a whole configuration, nulls included, in a form that `--config` reads; `comment` stands before it."""
    write_whole(path, [comment, yaml.safe_dump(config.to_dict(), sort_keys=False, allow_unicode=True)])


def default_output(config_file: str | Path | None) -> Path:
    """`runs/<name of the config, or sample>-<date-time>`."""
    name = Path(config_file).stem if config_file else "sample"
    return Path("runs") / f"{name}-{datetime.datetime.now():%Y%m%d-%H%M%S}"


def differences(own: Config, asked: Config) -> list[tuple[str, Any, Any]]:
    """Names of the settings in which two configurations differ, each with its two values."""
    own_values, asked_values = flatten(own.to_dict()), flatten(asked.to_dict())
    return [(name, value, asked_values[name]) for name, value in own_values.items() if value != asked_values[name]]
