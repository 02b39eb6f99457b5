"""Devices: one axis of them, batches spread over their rows, everything else copied to each."""

from typing import Any

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from seqtag.batch import Batch

DATA_AXIS = "data"
_BUSY_CPU, _BUSY_OTHERS = 4, 128
_BUSY_CPU_BFLOAT16 = 8
"""Kernels of bfloat16 are put into another order at every step, for all rows of it."""


class Devices:
    """All devices of the process as a mesh of one axis, `data`. One device is the case of one."""

    def __init__(self) -> None:
        self.mesh: Mesh = jax.make_mesh((jax.device_count(),), (DATA_AXIS,), axis_types=(AxisType.Auto,))
        self.replicated = NamedSharding(self.mesh, PartitionSpec())
        self.sharded = NamedSharding(self.mesh, PartitionSpec(DATA_AXIS))

    @property
    def count(self) -> int:
        """How many."""
        return self.mesh.size

    def least_rows(self, precision: str) -> int:
        """Rows of a program below which longer rows cost time: a CPU has few units to keep busy, other devices many."""
        busy = _BUSY_OTHERS if not self._are_cpus else _BUSY_CPU if precision == "float32" else _BUSY_CPU_BFLOAT16
        return self.count * busy

    @property
    def programs_at_once(self) -> int:
        """How many that do not wait for one another are worth running side by side.

        Two on a CPU; on two cores, more gained nothing. One where there are several devices: programs that exchange
        data must begin in the same order on each.
        """
        return 2 if self._are_cpus and self.count == 1 else 1

    @property
    def _are_cpus(self) -> bool:
        return self.mesh.devices.flat[0].platform == "cpu"

    def rows(self, rows: int) -> int:
        """The next number of rows that the devices share evenly."""
        return -(-rows // self.count) * self.count

    def replicate(self, tree: Any) -> Any:
        """Arrays on every device."""
        return jax.device_put(tree, self.replicated)

    def shard_batch(self, batch: Batch) -> Batch:
        """A batch with its rows divided among the devices; each has all its distinct tokens."""
        if self._are_cpus and self.count == 1:
            return batch  # a program reads the host's arrays as they are, which costs less than naming their place
        places: dict[str, Any] = {
            field: self.replicated if field == "tokens" else self.sharded for field in Batch._fields
        }
        return jax.device_put(batch, Batch(**places))
