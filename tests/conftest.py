"""Settings of the whole test run."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator

# Eight simulated devices would change every test; those that need them start a process of their own.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Many tests compile the same programs. The process that starts the others makes a cache for all, of this run alone.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="seqtag-tests-")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)
# XLA compiles without most of LLVM's optimizations, in two thirds of the time: most programs run once or twice.
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"

import jax
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# Shapes in signatures are checked in every test: the hook must stand before seqtag is imported.
install_import_hook(
    [
        "seqtag.batch",
        "seqtag.data.batching",
        "seqtag.data.encoding",
        "seqtag.data.split",
        "seqtag.data.vectors",
        "seqtag.decoding.outputs",
        "seqtag.evaluation.scores",
        "seqtag.nn",
    ],
    "beartype.beartype",
)

settings.register_profile("seqtag", deadline=None)  # on a busy machine any example may take long
settings.load_profile("seqtag")


@pytest.fixture(scope="module")
def compiled_as_by_users() -> Iterator[None]:
    """With all optimizations, here and in processes that tests start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("JAX_DISABLE_MOST_OPTIMIZATIONS")
        jax.config.update("jax_disable_most_optimizations", False)
        yield
    jax.config.update("jax_disable_most_optimizations", True)
