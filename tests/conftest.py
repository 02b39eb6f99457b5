"""Settings of the whole test run."""

import os

# Eight simulated devices would change every test; those that need them start a process of their own.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from jaxtyping import install_import_hook

# Shapes in signatures are checked in every test: the hook must stand before seqtag is imported.
install_import_hook(
    [
        "seqtag.batch",
        "seqtag.data.batching",
        "seqtag.data.encoding",
        "seqtag.data.split",
        "seqtag.data.vectors",
        "seqtag.evaluation.scores",
        "seqtag.nn",
    ],
    "beartype.beartype",
)
