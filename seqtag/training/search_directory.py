"""The folder of a search: where things lie in it, and when it may be used."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from seqtag.config import Config
from seqtag.data.files import write_whole
from seqtag.errors import InputError
from seqtag.training.run_directory import RunDirectory, differences, write_config
from seqtag.training.search_space import Space

_LEFT = r"\.(space|base)\.yaml\.tmp|space\.yaml"
"""What a search leaves that was killed before it had begun: its base is what is written last."""


class SearchDirectory:
    """Paths of a search's files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.base = path / "base.yaml"
        self.space = path / "space.yaml"
        self.journal = path / "study.jsonl"
        self.report = path / "search.json"
        self.best = path / "best.yaml"

    def trial(self, number: int) -> RunDirectory:
        """The run of one trial."""
        return RunDirectory(self.path / f"trial-{number}")

    def check_free(self) -> None:
        """Raise InputError where the folder already holds something."""
        if self.base.exists():
            raise InputError(
                f"--output {self.path}: already holds a search; name another folder, or --resume to continue it"
            )
        RunDirectory(self.path).check_free(_LEFT)

    def check_holds_search(self) -> None:
        """Raise InputError where there is no search to resume."""
        if not self.base.exists():
            raise InputError(f"--resume: {self.path} holds no search (no {self.base.name}); start it without --resume")

    def check_same(self, own: Config, asked: Config) -> None:
        """Raise InputError that names the first setting in which `asked` differs from `own`."""
        for name, value, now in differences(own, asked):
            raise InputError(
                f"--resume: {name} is {value!r} in {self.base} and {now!r} now; only --trials may change, and only grow"
            )

    def check_same_space(self, own: Space, asked: Space) -> None:
        """Raise InputError that names the first setting for which `asked` differs from `own`."""
        for name in [*own, *asked]:
            if own.get(name) != asked.get(name):
                before, now = (space[name].to_dict() if name in space else "not searched" for space in (own, asked))
                raise InputError(
                    f"--resume: {name} is {before} in {self.space} and {now} now; only --trials may change, "
                    "and only grow"
                )

    def begin(self, config: Config, space: Space) -> None:
        """Make the folder and write down what the search starts from."""
        self.path.mkdir(parents=True, exist_ok=True)
        written = {name: values.to_dict() for name, values in space.items()}
        write_whole(self.space, [yaml.safe_dump(written, sort_keys=False, allow_unicode=True)])
        write_config(config, self.base)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within this context no other process searches here. The lock ends with the process, however that ends.

        Raises InputError where one does.
        """
        with open(self.journal, "ab+") as journal:
            try:
                fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InputError(f"--output {self.path}: another process is searching there; wait for it") from error
            # What a killed process left: Optuna's own lock, and a line that it had begun.
            for left in self.path.glob(f"{self.journal.name}.lock*"):
                left.unlink()
            journal.seek(0)
            journal.truncate(journal.read().rfind(b"\n") + 1)
            yield
