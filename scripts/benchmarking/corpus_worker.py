"""The corpus in the form that everybody reads, and the batches that seqtag makes of it.

    python -m benchmarking.corpus_worker corpus|plan [...]

Run from the folder `scripts`. The last line of the output is a JSON object.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from peers import measuring


def write_corpus(arguments: argparse.Namespace) -> dict[str, Any]:
    """The corpus as files of two columns, read by seqtag: tags in IOB2, the training part repeated if it is short."""
    from seqtag.config import DataConfig
    from seqtag.data.reading import read_corpus

    config = DataConfig(test=None)
    if arguments.source:
        config = DataConfig(format="conll", path=arguments.source, train="train.txt", validation="valid.txt", test=None)
    counts: dict[str, Any] = {}
    for role, dataset in read_corpus(config).splits.items():
        name = {"train": "train.txt", "validation": "valid.txt"}[str(role)]
        rows = [row for row in zip(dataset["tokens"], dataset["tags"], strict=True) if "-DOCSTART-" not in row[0]]
        rows = rows[: arguments.sentences]
        tokens = sum(len(row[0]) for row in rows)
        times = -(-arguments.least // tokens)
        blocks = ["".join(f"{token} {tag}\n" for token, tag in zip(*row, strict=True)) for row in rows] * times
        (arguments.corpus / name).write_text("\n".join(blocks), encoding="utf-8")
        characters = sum(len(token) for row in rows for token in row[0]) / tokens
        counts[str(role)] = {
            "sentences": len(rows) * times,
            "tokens": tokens * times,
            "times": times,
            "characters_per_token": characters,
            "words": len({token for row in rows for token in row[0]}),
            "tags": len({tag for row in rows for tag in row[1]}),
        }
    return counts


def write_plan(arguments: argparse.Namespace) -> dict[str, Any]:
    """The batches of seqtag's first epoch with a sentence a row: positions of sentences, and the length of the rows."""
    import numpy as np

    from seqtag.config import TrainingConfig
    from seqtag.data.batching import choose_buckets, plan_batches

    lengths = np.array([len(sentence.tokens) for sentence in measuring.read(arguments.corpus / "train.txt")])
    buckets = choose_buckets(lengths, TrainingConfig().max_buckets, arguments.batch_tokens, packed=False)
    plans = plan_batches(lengths, buckets, np.random.default_rng([TrainingConfig().seed, 0]))
    written = [(plan.sentences, plan.length) for plan in plans]
    arguments.output.write_text(json.dumps([([int(place) for place in places], length) for places, length in written]))
    return {"batches": len(plans), "slots": sum(len(places) * length for places, length in written)}


def main() -> None:
    """Run the task."""
    tasks = {"corpus": write_corpus, "plan": write_plan}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=tasks)
    parser.add_argument("--source", help="folder with train.txt and valid.txt of CoNLL columns; else the sample")
    parser.add_argument("--sentences", type=int, help="the first so many of each part")
    parser.add_argument("--least", type=int, default=1, help="tokens that each part holds at least, by repeating it")
    parser.add_argument("--corpus", type=Path, help="folder of the files of two columns")
    parser.add_argument("--output", type=Path, help="file of the plan")
    parser.add_argument("--batch-tokens", type=int, default=512)
    arguments = parser.parse_args()
    measuring.finish(tasks[arguments.task](arguments))


if __name__ == "__main__":
    main()
