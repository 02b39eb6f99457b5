"""Tiny corpora that tests train on, and where real ones are found."""

import json
import os
import random
from pathlib import Path

import pytest

FIRST = "Ada Bela Carl Dora Emil Fay Gus Hana Ivo Jana".split()
LAST = "Noor Ochs Pohl Quist Roth Sand Thal Uhl Vega Wolf".split()
PLACES = "Avon Brno Cadiz Delft Essen Faro Ghent Hull Ivrea Jena".split()
VERBS = "met saw left liked found".split()


def sentences(count: int, seed: int) -> list[tuple[list[str], list[str]]]:
    """Tokens and IOB2 tags of sentences that a tiny network learns in a few steps."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        tokens = [rng.choice(FIRST), rng.choice(LAST), rng.choice(VERBS)]
        tags = ["B-PER", "I-PER", "O"]
        for _ in range(rng.randrange(3)):
            tokens += ["near", rng.choice(PLACES)]
            tags += ["O", "B-LOC"]
        made.append(([*tokens, "."], [*tags, "O"]))
    return made


def write_conll(path: Path, made: list[tuple[list[str], list[str]]], separator: str = " ") -> None:
    """A file of two columns."""
    blocks = ("".join(f"{token}{separator}{tag}\n" for token, tag in zip(*one, strict=True)) for one in made)
    path.write_text("\n".join(blocks), encoding="utf-8")


def write_jsonl(path: Path, records: list[dict]) -> None:
    """A record a line."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def make_corpus(folder: Path, train: int = 60) -> Path:
    """`train.txt`, `valid.txt` and `test.txt`."""
    folder.mkdir(exist_ok=True)
    for seed, (name, count) in enumerate((("train", train), ("valid", 20), ("test", 20))):
        write_conll(folder / f"{name}.txt", sentences(count, seed))
    return folder


def settings(corpus: Path, **more: object) -> list[str]:
    """Flags of a run on such a corpus that takes seconds."""
    values = {
        "data.format": "conll",
        "data.path": corpus,
        "data.validation": "valid",
        "model.hidden_size": 8,
        "model.word_dim": 8,
        "model.char_encoder": "none",
        "model.affix_dim": 4,
        "model.affix_lengths": "[2]",
        "model.dropout": 0.1,
        "training.epochs": 2,
        "training.batch_tokens": 128,
        "training.learning_rate": 0.02,
        "training.bootstrap_samples": 20,
        **{name.replace("__", "."): value for name, value in more.items()},
    }
    return [part for name, value in values.items() for part in (f"--{name}", str(value))]


def real(name: str) -> Path:
    """A folder of real data under SEQTAG_DATA; skips the test where there is none."""
    root = os.environ.get("SEQTAG_DATA")
    if not root or not (Path(root) / name).exists():
        pytest.skip(f"SEQTAG_DATA names no folder with {name}")
    return Path(root) / name
