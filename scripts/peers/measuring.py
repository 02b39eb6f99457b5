"""What the workers share: their arguments, reading the corpus, the clock, and the JSON they end with.

A worker is called as `python worker.py TASK --corpus FOLDER --model FOLDER [...]`. Tasks: `train` fits a model for
some seconds and saves it; `tag` times tagging with it; `one` tags one sentence and ends, for the time of a whole
process. The last line of its output is a JSON object. Needs nothing but the standard library.
"""

import argparse
import json
import math
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

SENTENCE = "Ada Lovelace met Charles Babbage in London ."
PIECES = re.compile(r"\w+|[^\w\s]")
"""Tokens of raw text, for peers without a tokenizer of their own."""
PROBED = 20
"""One sentence in so many is tagged first, to warm up and to see how many can be tagged in the time given."""


class Sentence(NamedTuple):
    """Tokens and their IOB2 tags."""

    tokens: list[str]
    tags: list[str]


def parse(description: str | None, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments that every worker takes; each uses those that mean something to it."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("task", choices=("train", "tag", "one"))
    parser.add_argument("--corpus", type=Path, help="folder with train.txt and valid.txt: token and tag a line")
    parser.add_argument("--model", type=Path, required=True, help="folder of the trained model")
    parser.add_argument("--seconds", type=float, default=10.0, help="about how long a measure takes")
    parser.add_argument("--batch", type=int, default=32, help="sentences in a batch")
    parser.add_argument("--head", choices=("crf", "softmax"), default="crf")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--plan", type=Path, help="JSON list of batches, each the sentences' positions and a length")
    return parser.parse_args(argv)


def read(path: Path) -> list[Sentence]:
    """The sentences of a file of two columns."""
    sentences = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        rows = [line.rsplit(" ", 1) for line in block.split("\n") if line]
        if rows:
            sentences.append(Sentence([row[0] for row in rows], [row[1] for row in rows]))
    return sentences


def rate(run: Callable[[list[Any]], Any], items: Sequence[Any], counts: Sequence[int], seconds: float) -> dict:
    """Tokens a second of `run` on items that hold `counts` tokens, over about so many seconds, and the cores kept busy.

    All items are taken several times where there is time for it, and every n-th where there is not.
    """
    run(list(items[::PROBED]))
    start = time.perf_counter()
    run(list(items[::PROBED]))
    passes = seconds / ((time.perf_counter() - start) * PROBED)
    step, times = max(1, math.ceil(1 / passes)), max(1, int(passes))
    chosen, tokens = list(items[::step]) * times, sum(counts[::step]) * times
    start, busy = time.perf_counter(), time.process_time()
    run(chosen)
    wall = time.perf_counter() - start
    return {
        "tokens_per_second": tokens / wall,
        "cores": (time.process_time() - busy) / wall,
        "tokens": tokens,
        "seconds": wall,
    }


def tagging(
    sentences: Sequence[Sentence],
    seconds: float,
    tokens: Callable[[list[list[str]]], Any],
    raw: Callable[[list[str]], Any],
    one: Callable[[str], Any] | None = None,
) -> dict[str, Any]:
    """The rates from tokens and from raw text (tokens joined by blanks), and the milliseconds of one short text.

    All are per token of the corpus, however a peer cuts the text. `one` tags a single text.
    """
    counts = [len(sentence.tokens) for sentence in sentences]
    result: dict[str, Any] = {
        "tokens": rate(tokens, [sentence.tokens for sentence in sentences], counts, seconds),
        "raw": rate(raw, [" ".join(sentence.tokens) for sentence in sentences], counts, seconds),
    }
    result["short_text_ms"] = short_text_ms(one or (lambda text: raw([text])))
    return result


def short_text_ms(one: Callable[[str], Any]) -> float:
    """Median milliseconds of one short text after the first few."""
    times = []
    for _ in range(25):
        start = time.perf_counter()
        one(SENTENCE)
        times.append(time.perf_counter() - start)
    return 1000 * sorted(times[5:])[10]


class Stopwatch:
    """Counts tokens until the time is up."""

    def __init__(self, seconds: float) -> None:
        self.start, self.limit, self.tokens = time.perf_counter(), seconds, 0

    def add(self, tokens: int) -> bool:
        """Count these; whether the time is up."""
        self.tokens += tokens
        return time.perf_counter() - self.start > self.limit

    def result(self) -> dict[str, Any]:
        """Tokens a second up to now."""
        seconds = time.perf_counter() - self.start
        return {"tokens_per_second": self.tokens / seconds, "tokens": self.tokens, "seconds": seconds}


def finish(result: dict[str, Any]) -> None:
    """Print the result as the last line."""
    print("\n" + json.dumps(result))
