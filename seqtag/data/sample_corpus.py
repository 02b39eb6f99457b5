"""The corpus inside the package."""

import json
from collections.abc import Iterator
from importlib.resources import files

from seqtag.config import DataConfig
from seqtag.data.example import Example, Ledger
from seqtag.data.jsonl import example_of_record
from seqtag.errors import InputError

SPLITS = ("train", "validation", "test")


class SampleReader:
    """`seqtag/data/sample`, JSON lines with `text`, `entities` and `sentiment`."""

    def __init__(self, config: DataConfig) -> None:
        self.config = config

    def source(self, name: str) -> str:
        """The split's name."""
        if name not in SPLITS:
            raise InputError(f"the sample corpus has no split {name!r}; it has {', '.join(SPLITS)}")
        return f"the sample corpus, {name}"

    def tags(self, name: str) -> Iterator[list[str]]:
        """None: it has character spans."""
        return iter(())

    def examples(self, name: str, ledger: Ledger) -> Iterator[Example]:
        """Its texts."""
        self.source(name)
        text = files("seqtag.data.sample").joinpath(f"{name}.jsonl").read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            yield example_of_record(json.loads(line), f"sample {name}:{number}", self.config, ledger)
