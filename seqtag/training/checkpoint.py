"""Training state on disk: arrays by Orbax, the rest as JSON; written whole or not at all, the last two kept."""

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import jax
import orbax.checkpoint as ocp

from seqtag.errors import InputError
from seqtag.training.state import Progress, TrainState

_KEPT = 2
_ARRAYS, _PROGRESS = "arrays", "progress.json"
_WRITING, _REPLACED = ".writing", ".replaced"


class Checkpoint(NamedTuple):
    """All that a run needs to go on as if it had never stopped."""

    state: TrainState
    best: Any
    """Parameters of the best evaluation so far."""
    constants: Any
    progress: Progress


class Checkpoints:
    """The checkpoints of a run, folders named by the number of updates.

    Each is written under another name and renamed when it is complete, so that a process killed at any moment leaves
    whole ones only.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._arrays = ocp.StandardCheckpointer()

    def _numbers(self) -> list[int]:
        if not self.directory.is_dir():
            return []
        return sorted(int(path.name) for path in self.directory.iterdir() if path.name.isdigit())

    def latest(self) -> int | None:
        """The number of the newest checkpoint; None before the first."""
        return max(self._numbers(), default=None)

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint; of two of the same update the later stays. Raises OSError, when the disk is full say."""
        staging, target = self.directory / _WRITING, self.directory / str(int(checkpoint.state.step))
        shutil.rmtree(staging, ignore_errors=True)
        arrays = {"state": checkpoint.state, "best": checkpoint.best, "constants": checkpoint.constants}
        self._arrays.save((staging / _ARRAYS).absolute(), arrays)
        self._arrays.wait_until_finished()
        described = {"progress": checkpoint.progress.to_dict(), "sizes": _sizes(staging / _ARRAYS)}
        (staging / _PROGRESS).write_text(json.dumps(described), encoding="utf-8")
        if target.exists():
            replaced = self.directory / _REPLACED
            shutil.rmtree(replaced, ignore_errors=True)
            target.rename(replaced)
        staging.rename(target)
        shutil.rmtree(self.directory / _REPLACED, ignore_errors=True)
        for number in self._numbers()[:-_KEPT]:
            shutil.rmtree(self.directory / str(number))

    def restore(self, like: Checkpoint) -> Checkpoint:
        """The newest checkpoint, its arrays placed as those of `like`.

        Raises InputError when it is damaged, or of a run on other data than `like`.
        """
        path = self.directory / str(self.latest())
        damaged = InputError(f"{path}: this checkpoint is damaged; delete the folder to go on from the one before it")
        try:
            described = json.loads((path / _PROGRESS).read_text(encoding="utf-8"))
            progress = Progress(**described["progress"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise damaged from error
        if progress.fingerprint != like.progress.fingerprint:
            raise InputError(
                "--resume: the teacher, the training or validation data or the word vectors have changed since the run "
                "was started"
            )
        if _sizes(path / _ARRAYS) != described["sizes"]:
            raise damaged
        arrays = {"state": like.state, "best": like.best, "constants": like.constants}
        wanted = jax.tree.map(ocp.utils.to_shape_dtype_struct, arrays)
        try:
            found = self._arrays.restore((path / _ARRAYS).absolute(), wanted)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise damaged from error
        return Checkpoint(progress=progress, **found)

    def close(self) -> None:
        """Wait for what is being written."""
        self._arrays.close()


def _sizes(directory: Path) -> dict[str, int]:
    """Bytes of every file below a folder, by which one cut short is known before it is read."""
    return {
        path.relative_to(directory).as_posix(): path.stat().st_size
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
