"""The measures of seqtag that need a process with seqtag in it; training and cold start go through its commands.

    python -m benchmarking.seqtag_worker tag|peak|linear [...]

Run from the folder `scripts`. The last line of the output is a JSON object.
"""

import argparse
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from peers import measuring

_JOB = 2000
"""Sentences of one job of the engine: about what the tagger takes at a time."""


def tag(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time tagging: ids, tokens, raw text."""
    import jax

    import seqtag
    from seqtag.tagging.engine import Engine

    tagger = seqtag.load(str(arguments.model), precision=arguments.precision)
    corpus = measuring.read(arguments.corpus / "valid.txt")
    # Each sentence by itself, as the peers' networks tag: one program from integers to tags.
    alone = replace(tagger.model, config=replace(tagger.model.config, document_sharing=0.0))
    engine = Engine(alone)
    parts = [corpus[start : start + _JOB] for start in range(0, len(corpus), _JOB)]
    jobs = [engine.prepare([sentence.tokens for sentence in part], range(len(part))) for part in parts]
    counts = [sum(len(sentence.tokens) for sentence in part) for part in parts]

    def ids(jobs: list[Any]) -> None:
        """From integers to tag ids, on the host when it is over."""
        for job in jobs:
            jax.device_get(engine.start(job))

    def texts(items: list[Any]) -> None:
        deque(tagger.tag(items), maxlen=0)

    ids(jobs)  # compiles
    texts([sentence.tokens for sentence in corpus])
    return {
        # There are few jobs, and the probe takes one in so many: each counts as often.
        "ids": measuring.rate(ids, jobs * measuring.PROBED, counts * measuring.PROBED, arguments.seconds),
        **measuring.tagging(corpus, arguments.seconds, texts, texts, tagger),
        "compiled_shapes": tagger.compiled_shapes,
    }


def peak(arguments: argparse.Namespace) -> dict[str, Any]:
    """The machine's float32 matrix products: 2048 x 2048 x 2048, the best of many, by NumPy and by JAX."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    size = 2048
    square = np.random.default_rng(0).standard_normal((size, size), np.float32)
    product, on_device = jax.jit(jnp.matmul), jnp.asarray(square)

    def best(run: Any) -> float:
        run()
        times = []
        end = time.perf_counter() + arguments.seconds / 2
        while time.perf_counter() < end:
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        return 2 * size**3 / min(times)

    return {
        "numpy_flops": best(lambda: square @ square),
        "jax_flops": best(lambda: product(on_device, on_device).block_until_ready()),
        "device": jax.devices()[0].device_kind,
    }


def linear(arguments: argparse.Namespace) -> dict[str, Any]:
    """Seconds and memory of tagging more and more tokens, given as tokens."""
    import seqtag
    from seqtag.process import peak_memory_bytes

    tagger = seqtag.load(str(arguments.model))
    corpus = [sentence.tokens for sentence in measuring.read(arguments.corpus / "valid.txt")]
    deque(tagger.tag(corpus), maxlen=0)
    rows = []
    for exponent in range(4, arguments.exponent + 1):
        start, tokens = time.perf_counter(), 0
        for document in tagger.tag(_sentences(corpus, 10**exponent)):
            tokens += len(document.tags)
        seconds = time.perf_counter() - start
        rows.append({"tokens": tokens, "seconds": seconds, "peak_memory_bytes": peak_memory_bytes()})
    return {"linear": rows}


def _sentences(corpus: list[list[str]], tokens: int) -> Iterator[list[str]]:
    """Sentences again and again until there are so many tokens, the last one cut to it."""
    for sentence in islice(cycle(corpus), tokens):
        yield sentence[:tokens]
        tokens -= len(sentence)
        if tokens <= 0:
            return


def main() -> None:
    """Run the task."""
    tasks = {"tag": tag, "peak": peak, "linear": linear}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=tasks)
    parser.add_argument("--corpus", type=Path, help="folder of the files of two columns")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--precision", default="float32", help="for tag")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--exponent", type=int, default=7, help="of the largest power of ten")
    arguments = parser.parse_args()
    measuring.finish(tasks[arguments.task](arguments))


if __name__ == "__main__":
    main()
