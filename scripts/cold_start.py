"""Where the time of `seqtag tag` on one sentence goes, in a process of its own: `python scripts/cold_start.py MODEL`.

The first run compiles; later ones find the compiled programs in the cache, which is what is to be measured.
"""

import subprocess
import sys
import time

_STEPS = {
    "import the command": "import seqtag.tag",
    "import JAX": "import jax",
    "import Flax": "from flax import nnx",
    "import the rest": "from seqtag.streams import reading, tagging, writing; from seqtag.tagging import tagger as api",
    "read the model": (
        "from seqtag.process import keep_compiled_programs, tune_allocator; "
        "tune_allocator(); keep_compiled_programs(); "
        "from seqtag.tagging.model_directory import find_model, load_model; "
        "tagger = api.Tagger(load_model(find_model(sys.argv[1])))"
    ),
    "trace, fetch the compiled program, tag": "tagger('Ada Lovelace met Charles Babbage in London.')",
    "tag another": "tagger('Charles Babbage met Ada Lovelace in London.')",
}


def main() -> None:
    """Time the steps in one process, and the whole command in another."""
    model = sys.argv[1]
    lines = ["import sys, time", "before = time.perf_counter()"]
    for name, code in _STEPS.items():
        lines += [code, f"now = time.perf_counter(); print(f'{{now - before:7.3f}} s  {name}'); before = now"]
    subprocess.run([sys.executable, "-c", "\n".join(lines), model], check=True)
    command = [sys.executable, "-m", "seqtag.tag", "--model", model]
    before = time.perf_counter()
    subprocess.run(
        command, input=b"Ada Lovelace met Charles Babbage in London.\n", check=True, stdout=subprocess.DEVNULL
    )
    print(f"{time.perf_counter() - before:7.3f} s  the whole command, from start to end of its process")


if __name__ == "__main__":
    main()
