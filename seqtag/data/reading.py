"""From a configuration to a corpus: every format ends in the schema of `schema.py`."""

import random
from collections.abc import Iterable, Iterator
from typing import Any

from datasets import Dataset, DatasetDict

from seqtag.config import DataConfig
from seqtag.data.conll import ConllReader
from seqtag.data.example import Example, Ledger, Reader
from seqtag.data.hub import HubReader
from seqtag.data.jsonl import JsonlReader
from seqtag.data.sample_corpus import SampleReader
from seqtag.data.schema import DOCUMENT_ID, Corpus, Findings
from seqtag.data.storing import row_of, store
from seqtag.errors import InputError
from seqtag.schemes import Scheme, convert, detect_scheme, repair

ROLES = ("train", "validation", "test")
_READERS: dict[str, type] = {"conll": ConllReader, "hub": HubReader, "jsonl": JsonlReader, "sample": SampleReader}


def read_corpus(config: DataConfig, require_train: bool = True, only: Iterable[str] | None = None) -> Corpus:
    """Read the configured parts.

    Args:
        config: what to read and how.
        require_train: whether the training part is read, and an empty one an error.
        only: roles to read instead of all (a held-out share still needs the training part).

    Raises InputError that names file and line, or split and row.
    """
    reader: Reader = _READERS[config.format](config)
    wanted = set(ROLES if only is None else only) | ({"train"} if require_train else set())
    names = {"train": config.train, "validation": config.validation, "test": config.test}
    is_share = isinstance(config.validation, float)
    scheme = _scheme(reader, config)
    splits: dict[str, Dataset] = {}
    findings: dict[str, Findings] = {}
    for role in ROLES:
        name = names[role]
        needed = role in wanted or (role == "train" and is_share and "validation" in wanted)
        if not needed or name is None or isinstance(name, float):
            continue
        splits[role], findings[role] = _read_split(reader, name, role, scheme, config)
    if is_share and "validation" in wanted:
        splits["train"], splits["validation"] = _hold_out(splits["train"], float(config.validation), config.split_seed)
        findings["validation"] = Findings(f"{config.validation:g} of {findings['train'].source}", scheme)
    for role in ROLES:
        if role in splits and role not in wanted:
            del splits[role], findings[role]
        elif role in splits and not len(splits[role]):
            raise InputError(f"{findings[role].source}: no sentences in it (the {role} part)")
    return Corpus(DatasetDict(splits), findings)


def _scheme(reader: Reader, config: DataConfig) -> Scheme | None:
    """The scheme of the source, found in its training part; None where nothing is tagged."""
    if config.tag_scheme != "auto":
        return config.tag_scheme
    quiet = Ledger(reader.source(config.train), strict=False)
    sequences = (example.tags for example in reader.examples(config.train, quiet) if example.tags is not None)
    return detect_scheme(sequences)


def _read_split(
    reader: Reader, name: str, role: str, scheme: Scheme | None, config: DataConfig
) -> tuple[Dataset, Findings]:
    ledger = Ledger(reader.source(name), config.strict, scheme)
    limit = config.max_sentence_length if role == "train" else None

    def rows() -> Iterator[dict[str, Any]]:
        for example in reader.examples(name, ledger):
            yield row_of(_finished(example, scheme, limit, ledger))

    return store(rows()), ledger.findings()


def _finished(example: Example, scheme: Scheme | None, limit: int | None, ledger: Ledger) -> Example:
    """The example with well-formed IOB2 tags, and no longer than the limit."""
    if not example.tokens:
        raise InputError(f"{example.place}: a sentence without tokens; remove it")
    tags = example.tags if example.tags is not None else ["O"] * len(example.tokens)
    if len(tags) != len(example.tokens):
        raise InputError(f"{example.place}: {len(example.tokens)} tokens but {len(tags)} tags")
    try:
        if scheme is not None:
            tags, changed = repair(tags, scheme)
            ledger.note("repaired", changed, lambda: f"{example.place}: ill-formed {scheme} tags")
        tags = convert(tags, "IOB2")
    except InputError as error:
        raise InputError(f"{example.place}: {error}; check data.tag_column") from error
    if limit is not None and len(tags) > limit:
        ledger.note("cut_tokens", len(tags) - limit, lambda: f"{example.place}: cut after {limit} tokens", fatal=False)
        example.tokens, tags = example.tokens[:limit], tags[:limit]
        if example.starts is not None and example.ends is not None:
            example.starts, example.ends = example.starts[:limit], example.ends[:limit]
    example.tags = tags
    return example


def _hold_out(train: Dataset, share: float, seed: int) -> tuple[Dataset, Dataset]:
    """Training and validation parts, whole documents to either side, in the order of the source."""
    documents = train[DOCUMENT_ID]
    groups: dict[str, list[int]] = {}
    for position, document in enumerate(documents):
        groups.setdefault(document if document is not None else f"\0{position}", []).append(position)
    order = list(groups.values())
    random.Random(seed).shuffle(order)
    held: list[int] = []
    for group in order:
        if len(held) >= share * len(train):
            break
        held += group
    if len(held) in (0, len(train)):
        raise InputError(f"data.validation {share:g}: leaves nothing on one side of {len(train)} sentences")
    taken = set(held)
    kept = [position for position in range(len(train)) if position not in taken]
    return train.select(kept), train.select(sorted(held))
