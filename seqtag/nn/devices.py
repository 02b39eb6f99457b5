"""Devices: one axis of them, batches spread over their rows, everything else copied to each."""

from typing import Any

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from seqtag.batch import Batch

DATA_AXIS = "data"


class Devices:
    """All devices of the process as a mesh of one axis, `data`. One device is the case of one."""

    def __init__(self) -> None:
        self.mesh: Mesh = jax.make_mesh((jax.device_count(),), (DATA_AXIS,), axis_types=(AxisType.Auto,))
        self.copied = NamedSharding(self.mesh, PartitionSpec())
        self.spread = NamedSharding(self.mesh, PartitionSpec(DATA_AXIS))

    @property
    def count(self) -> int:
        """How many."""
        return self.mesh.size

    def rows(self, rows: int) -> int:
        """The next number of rows that the devices share evenly."""
        return -(-rows // self.count) * self.count

    def copy(self, tree: Any) -> Any:
        """Arrays on every device."""
        return jax.device_put(tree, self.copied)

    def spread_batch(self, batch: Batch) -> Batch:
        """A batch with its rows divided among the devices; each has all its distinct tokens."""
        places = {field: self.copied if field == "tokens" else self.spread for field in Batch._fields}
        return Batch(**{field: jax.device_put(part, places[field]) for field, part in batch._asdict().items()})
