"""Time of seqtag's training step on made-up sentences: one point, in a process of its own.

    python -m benchmarking.scaling_worker step --vocabulary 20000 --length 16 --tags 9 --steps 30 [--SETTING VALUE ...]

Runs the package's training loop over the first batches of an epoch. What follows is given to the configuration.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from peers import measuring


def make_sentences(vocabulary: int, length: int, tags: int, tokens: int) -> list[tuple[list[str], list[str]]]:
    """Sentences of this length with every word and tag in them; `tags` counts O, and B and I of each label."""
    names = ["O", *(f"{part}-L{label}" for label in range((tags - 1) // 2) for part in "BI")]
    count = -(-max(tokens, vocabulary) // length)
    sentences = []
    for sentence in range(count):
        first = sentence * length
        words = [f"w{_letters((first + place) % vocabulary)}" for place in range(length)]
        labels = [names[(first + place) % len(names)] for place in range(length)]
        sentences.append((words, labels))
    return sentences


def _letters(number: int) -> str:
    """A number as letters, as digits are folded."""
    text = ""
    while number:
        number, digit = divmod(number, 26)
        text += chr(97 + digit)
    return text


def time_step(arguments: argparse.Namespace, settings: dict[str, Any]) -> dict[str, Any]:
    """Milliseconds of a step and its tokens."""
    from seqtag.config import Config, DataConfig, ModelConfig, TrainingConfig
    from seqtag.data.reading import read_corpus
    from seqtag.process import tune_allocator
    from seqtag.training.experiment import build_experiment
    from seqtag.training.loop import Loop
    from seqtag.training.run_directory import RunDirectory

    tune_allocator()
    model = ModelConfig(hidden_size=settings.pop("hidden_size", 256), shape_dim=0, affix_dim=0, tag_scheme="IOB2")
    training = TrainingConfig(epochs=2, schedule="constant", lazy_embeddings=True, **settings)
    with tempfile.TemporaryDirectory() as folder:
        tokens = (arguments.steps + 1) * training.batch_tokens
        rows = make_sentences(arguments.vocabulary, arguments.length, arguments.tags, tokens)
        blocks = ["".join(f"{word} {tag}\n" for word, tag in zip(*row, strict=True)) for row in rows]
        (Path(folder) / "train.txt").write_text("\n".join(blocks), encoding="utf-8")
        data = DataConfig(format="conll", path=folder, train="train.txt", validation=None, test=None)
        experiment = build_experiment(Config(data=data, model=model, training=training), read_corpus(data))
        plans = experiment.plan(0)
        chosen = [plan for plan in plans if plan.length == plans[0].length][: arguments.steps]
        experiment.plan = lambda epoch: chosen  # one shape, few steps
        run = RunDirectory(Path(folder) / "run")
        run.begin(experiment.config)
        watcher = _Watcher()
        loop = Loop(experiment, run, _NoCheckpoints(), None, [watcher])  # pyright: ignore[reportArgumentType]
        loop.fit()
    seconds = watcher.seconds[1] - watcher.seconds[0]  # the second epoch: everything is warm
    counted = sum(len(rows[place][0]) for plan in chosen for place in plan.sentences)
    return {
        "step_ms": 1000 * seconds / len(chosen),
        "tokens_per_step": counted / len(chosen),
        "tokens_per_second": counted / seconds,
        "row": chosen[0].length,
        "compile_seconds": loop.step.compile_seconds,
    }


class _NoCheckpoints:
    """Nothing is kept."""

    def save(self, checkpoint: Any) -> None:
        """Write nothing."""


class _Watcher:
    """Training seconds at the end of each epoch, from tokens so far and tokens a second."""

    def __init__(self) -> None:
        self.tokens, self.seconds = 0, []

    def resumed(self, steps: int, epochs: int) -> None:
        """Does not happen."""

    def step(self, loss: float, tokens: int) -> None:
        """Count."""
        self.tokens += tokens

    def evaluation(self, entry: dict[str, Any]) -> None:
        """An epoch is over."""
        self.seconds.append(self.tokens / entry["tokens_per_second"])


def main() -> None:
    """Measure the point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["step"])
    parser.add_argument("--vocabulary", type=int, default=20_000)
    parser.add_argument("--length", type=int, default=16)
    parser.add_argument("--tags", type=int, default=9)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--hidden_size", type=int, default=256)
    parser.add_argument("--batch_tokens", type=int, default=512)
    arguments = parser.parse_args()
    settings = {"hidden_size": arguments.hidden_size, "batch_tokens": arguments.batch_tokens}
    measuring.finish(time_step(arguments, settings))


if __name__ == "__main__":
    main()
