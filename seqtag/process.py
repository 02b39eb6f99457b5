"""Settings of the whole process: for commands alone, since a library must not change its caller's process."""

import ctypes
import gc
import os
import sys
from pathlib import Path

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # malloc.h
_KEPT = 2**31 - 1
_GROWTH = 256 * 2**20


def prepare(deterministic: bool = False) -> None:
    """What every command does before it computes; `deterministic` is for GPUs. Must run before the first use of JAX."""
    if deterministic:
        repeatable_sums()
    tune_allocator()
    keep_compiled_programs()


def tune_allocator() -> None:
    """Have glibc keep freed memory.

    XLA's large temporaries are otherwise mapped from the kernel and given back on every training step. Does nothing
    elsewhere than on Linux with glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:  # another C library
        return
    mallopt(_M_MMAP_MAX, 0)
    mallopt(_M_TRIM_THRESHOLD, _KEPT)
    mallopt(_M_TOP_PAD, _GROWTH)


def keep_compiled_programs() -> None:
    """Keep compiled programs in the user's private cache folder: a second start compiles nothing.

    The cache is trusted code, so a folder that others may write to is not used.
    """
    import jax

    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seqtag" / "compiled"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError:
        return
    if status.st_mode & 0o022 or status.st_uid != os.getuid():
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def leave_loaded_objects_alone() -> None:
    """Have the garbage collector pass over all that is there by now: modules, and the model.

    What tagging makes has it look again and again, and most of its time would go to what stays anyway.
    """
    gc.freeze()


def repeatable_sums() -> None:
    """Ask XLA on GPU for sums in a fixed order; must run before the first use of JAX."""
    flag = "--xla_gpu_deterministic_ops=true"
    if flag not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()


def peak_memory_bytes() -> int:
    """The most resident memory that the process has had."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
