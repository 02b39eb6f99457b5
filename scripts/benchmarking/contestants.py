"""Who is measured, and how each is trained, made to tag, and started."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarking.processes import PEERS, Done, run, run_worker
from benchmarking.summary import flat

SENTENCE = "Ada Lovelace met Charles Babbage in London ."
TOKENS_A_SENTENCE = 16
"""seqtag's batches are counted in tokens: so many for each sentence of the peers' batches."""
MODEL = (
    "--model.hidden_size 256 --model.word_dim 100 --model.char_dim 30 --model.char_features 50 "
    "--model.char_kernel_size 3 --model.shape_dim 0 --model.affix_dim 0 --model.word_dropout 0 --model.dropout 0.5 "
    "--training.optimizer adam --training.learning_rate 0.002 --training.schedule constant --training.clip_norm 5 "
    "--training.lazy_embeddings true "
    "--training.bootstrap_samples 1"
).split()


@dataclass(frozen=True)
class Work:
    """What all measures of a run have in common."""

    folder: Path
    python: str
    """The peers' interpreter."""
    seconds: float
    batch: int
    device: str
    epochs: int = 1

    @property
    def corpus(self) -> Path:
        """Folder of the files that everybody reads."""
        return self.folder / "corpus"

    @property
    def plan(self) -> Path:
        """seqtag's batches with a sentence a row."""
        return self.folder / f"plan-{self.batch}.json"


@dataclass(frozen=True)
class Contestant:
    """One row of the tables."""

    title: str
    note: str
    imported: str
    """The module whose import is timed."""
    worker: str | None = None
    """Script in `peers`; None for seqtag."""
    flags: Sequence[str] = ()
    """For seqtag's training, or for the worker."""
    against: str = "seqtag"
    """The row of seqtag that ratios are taken to."""
    tags: bool = True
    """Whether tagging and starting are measured, or training alone."""
    planned: bool = False
    """Whether it is trained on seqtag's batches."""
    precision: str = "float32"
    """Of seqtag's products."""

    def measure(self, work: Work, name: str, round_number: int, bare: float) -> dict[str, float | None]:
        """All measures of one round; `bare` is the start of the interpreter alone, in seconds."""
        folder = work.folder / f"{name}-{work.batch}-{round_number}"
        if self.worker is None:
            record = train_seqtag(work, folder, name, (*self.flags, "--training.precision", self.precision))
        else:
            done = self._run(work, "train", folder)
            record = {
                "train": done.result["tokens_per_second"],
                "train_memory": done.peak_memory_bytes,
                "device_memory": done.result.get("device_memory_bytes"),
                "parameters": done.result.get("parameters"),
            }
        if not self.tags:
            return record
        if self.worker is None:
            at = ("--corpus", work.corpus, "--model", folder / "model", "--seconds", work.seconds)
            tagged = run_worker("seqtag_worker", "tag", *at, "--precision", self.precision, device=work.device)
        else:
            done = self._run(work, "tag", folder)
            tagged = {"peak_memory_bytes": done.peak_memory_bytes} | done.result
        record |= flat(tagged)
        record["whole_process"] = self._one(work, name, folder)
        python = sys.executable if self.worker is None else work.python
        record["import"] = run([python, "-c", f"import {self.imported}"]).seconds - bare
        return record

    def _run(self, work: Work, task: str, folder: Path) -> Done:
        flags = [*self.flags, *(("--plan", str(work.plan)) if self.planned else ())]
        if self.worker in ("torch_lstm", "flair_tagger"):
            flags += ["--device", work.device]
        where = ["--corpus", str(work.corpus), "--model", str(folder)]
        how = ["--seconds", str(work.seconds), "--batch", str(work.batch)]
        return run([work.python, str(PEERS / f"{self.worker}.py"), task, *where, *how, *flags])

    def _one(self, work: Work, name: str, folder: Path) -> float:
        """Seconds of a process that tags one sentence; of seqtag the second one, which finds its compiled programs."""
        if self.worker is not None:
            return self._run(work, "one", folder).seconds
        model = ["--model", str(folder / "model"), "--precision", self.precision]
        command = [sys.executable, "-m", "seqtag.tag", *model]
        return [run(command, environment(work, name), text=SENTENCE + "\n").seconds for _ in range(2)][-1]


def environment(work: Work, name: str) -> dict[str, str]:
    """Of seqtag's commands: compiled programs are kept for the benchmark alone."""
    chosen = {"JAX_PLATFORMS": "cpu"} if work.device == "cpu" else {}
    return {"XDG_CACHE_HOME": str(work.folder / "cache" / f"{name}-{work.batch}")} | chosen


def train_seqtag(
    work: Work, output: Path, name: str, flags: Sequence[str] = (), more: dict[str, str] | None = None
) -> dict[str, float | None]:
    """One run of `python -m seqtag.train`; the compile time counts as cached where an earlier run filled the cache."""
    variables = environment(work, name) | (more or {})
    cached = Path(variables["XDG_CACHE_HOME"]).exists()
    data = f"--data.format conll --data.path {work.corpus} --data.train train.txt --data.validation valid.txt".split()
    size = ["--training.batch_tokens", str(TOKENS_A_SENTENCE * work.batch), "--training.epochs", str(work.epochs)]
    command = [sys.executable, "-m", "seqtag.train", *data, "--data.test", "null", "--output", str(output)]
    done = run([*command, *size, *MODEL, *flags], variables)
    report = json.loads((output / "report.json").read_text(encoding="utf-8"))["training"]
    return {
        "train": report["tokens_per_second"],
        "train_memory": done.peak_memory_bytes,
        "compile_cached" if cached else "compile": report["compile_seconds"],
        "compiled_shapes": report["compiled_shapes"],
        "parameters": report.get("parameters"),
    }


_ROWS = ("--training.pack_sentences", "false")
CONTESTANTS: dict[str, Contestant] = {
    "seqtag": Contestant("seqtag", "packed rows, CRF, lazy embeddings", "seqtag"),
    "seqtag-bfloat16": Contestant(
        "seqtag, bfloat16", "the encoder's products of bfloat16 operands", "seqtag", precision="bfloat16"
    ),
    "pytorch": Contestant(
        "PyTorch", "packed nn.LSTM, character CNN, pytorch-crf; raw text by a regular expression", "torch", "torch_lstm"
    ),
    "seqtag-rows": Contestant("seqtag, identical batches", "a sentence a row", "seqtag", flags=_ROWS, tags=False),
    "pytorch-rows": Contestant(
        "PyTorch, identical batches",
        "the same sentences together, the same padding, no packing",
        "torch",
        "torch_lstm",
        against="seqtag-rows",
        tags=False,
        planned=True,
    ),
    "seqtag-softmax": Contestant("seqtag, softmax", "no CRF", "seqtag", flags=("--model.head", "softmax")),
    "pytorch-softmax": Contestant(
        "PyTorch, softmax", "no CRF", "torch", "torch_lstm", flags=("--head", "softmax"), against="seqtag-softmax"
    ),
    "flair": Contestant(
        "Flair",
        "a different model: one-hot word embeddings of 100, character BiLSTM; its ModelTrainer on a part of the corpus",
        "flair",
        "flair_tagger",
    ),
    "spacy": Contestant(
        "spaCy",
        "a different model: efficiency ner, hashed embeddings, convolutions, transition parser; its own dropout",
        "spacy",
        "spacy_ner",
    ),
    "crfsuite": Contestant(
        "python-crfsuite",
        "a different model: hand-made features, no network; one core a process; training counts the corpus once for "
        "each L-BFGS iteration; raw text by a regular expression",
        "pycrfsuite",
        "crfsuite_crf",
    ),
}
