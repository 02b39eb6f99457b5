"""Training state on disk, by Orbax: written whole or not at all, the last two kept."""

from pathlib import Path
from typing import Any, NamedTuple

import jax
import orbax.checkpoint as ocp

from seqtag.errors import InputError
from seqtag.training.state import Progress, TrainState


class Checkpoint(NamedTuple):
    """All that a run needs to go on as if it had never stopped."""

    state: TrainState
    best: Any
    """Parameters of the best evaluation so far."""
    constants: Any
    progress: Progress


class Checkpoints:
    """The checkpoints of a run, numbered by update."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        options = ocp.CheckpointManagerOptions(max_to_keep=2, enable_async_checkpointing=False)
        self._manager = ocp.CheckpointManager(directory.absolute(), options=options)

    def latest(self) -> int | None:
        """The number of the newest whole checkpoint; None before the first."""
        return self._manager.latest_step()

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint. Saving the same update twice keeps the later one. Raises OSError when the disk is full."""
        number = int(checkpoint.state.step)
        arrays = {"state": checkpoint.state, "best": checkpoint.best, "constants": checkpoint.constants}
        items = ocp.args.Composite(
            arrays=ocp.args.StandardSave(arrays), progress=ocp.args.JsonSave(checkpoint.progress.to_dict())
        )
        if number == self.latest():
            self._manager.delete(number)
        self._manager.save(number, args=items, force=True)

    def restore(self, like: Checkpoint) -> Checkpoint:
        """The newest checkpoint, its arrays placed as those of `like`. Raises InputError when it is damaged."""
        number = self.latest()
        arrays = {"state": like.state, "best": like.best, "constants": like.constants}
        wanted = jax.tree.map(ocp.utils.to_shape_dtype_struct, arrays)
        items = ocp.args.Composite(arrays=ocp.args.StandardRestore(wanted), progress=ocp.args.JsonRestore())
        try:
            found = self._manager.restore(number, args=items)
            progress = Progress(**found["progress"])
        except Exception as error:  # Orbax raises many kinds for a file cut short
            raise InputError(
                f"{self.directory / str(number)}: this checkpoint cannot be read; "
                "delete the folder to go on from the one before it"
            ) from error
        return Checkpoint(progress=progress, **found["arrays"])

    def close(self) -> None:
        """Wait for what is being written."""
        self._manager.close()
