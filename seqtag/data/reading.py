"""From a configuration to a corpus: every format ends in the schema of `schema.py`."""

import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from datasets import Dataset, DatasetDict

from seqtag.config import DataConfig
from seqtag.data.conll import ConllReader
from seqtag.data.example import Example, Ledger, Reader
from seqtag.data.hub import HubReader
from seqtag.data.jsonl import JsonlReader
from seqtag.data.sample_corpus import SampleReader
from seqtag.data.schema import DOCUMENT_ID, ENDS, STARTS, TAGS, TOKENS, Corpus, Findings
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
    share = config.validation if isinstance(config.validation, float) else None
    names = {"train": config.train, "validation": None if share else config.validation, "test": config.test}
    read = wanted | ({"train"} if share and "validation" in wanted else set())
    parts = {role: str(name) for role, name in names.items() if name is not None and role in read}
    scheme = _scheme(reader, config, list(parts.values()))

    splits: dict[str, Dataset] = {}
    findings: dict[str, Findings] = {}
    noted: dict[int, Counter[str]] = {}
    for role, name in parts.items():
        ledger = Ledger(reader.source(name), config.strict, scheme)
        of_sentence = noted if role == "train" else {}
        splits[role] = store(
            row_of(example) for example in _finished(reader.examples(name, ledger), ledger, of_sentence)
        )
        if not len(splits[role]):
            raise InputError(f"{ledger.source}: no sentences in it (the {role} part)")
        findings[role] = ledger.findings()
    if share and "validation" in wanted:
        kept, held = _hold_out(splits["train"], share, config.split_seed)
        both, found = splits["train"], findings["train"]
        splits["train"], splits["validation"] = both.select(kept), both.select(held)
        own = sum((noted[position] for position in held if position in noted), Counter())
        rest = Ledger.of(found)
        rest.counts.subtract(own)
        findings["train"] = rest.findings()
        findings["validation"] = Ledger(f"{share:g} of {found.source}", config.strict, scheme, own).findings()
    if config.max_sentence_length is not None and "train" in wanted:
        splits["train"], findings["train"] = _cut(splits["train"], findings["train"], config.max_sentence_length)
    roles = [role for role in ROLES if role in splits and role in wanted]
    return Corpus(DatasetDict({role: splits[role] for role in roles}), {role: findings[role] for role in roles})


def _scheme(reader: Reader, config: DataConfig, parts: list[str]) -> Scheme | None:
    """The scheme of the source; None where nothing is tagged.

    It is found in the training part, or where that is neither asked for nor there, in the first part that is read.
    """
    if config.tag_scheme != "auto":
        return config.tag_scheme
    name = config.train
    try:
        reader.source(name)
    except InputError:
        if not parts or name in parts:
            raise
        name = parts[0]
    sequences = reader.tags(name)
    first = next(sequences, None)
    if first is None:
        return None

    def checked() -> Iterator[list[str]]:
        yield first
        yield from sequences

    try:
        return detect_scheme(checked())
    except InputError:  # said again, with its place, when the part is read
        return "IOB2"


def _finished(examples: Iterable[Example], ledger: Ledger, noted: dict[int, Counter[str]]) -> Iterator[Example]:
    """Examples with well-formed IOB2 tags; what the ledger counts on the way goes into `noted`, by position."""
    before = Counter(ledger.counts)
    for position, example in enumerate(examples):
        if not example.tokens:
            raise InputError(f"{example.place}: a sentence without tokens, or whose text holds no token; remove it")
        tags = example.tags if example.tags is not None else ["O"] * len(example.tokens)
        if len(tags) != len(example.tokens):
            raise InputError(f"{example.place}: {len(example.tokens)} tokens but {len(tags)} tags")
        if not example.from_spans:
            if example.tags is None and ledger.scheme is not None:
                ledger.note("untagged", 1, lambda place=example.place: f"{place}: has no tags")
            example.tags = _mended(tags, example.place, ledger)
        if ledger.counts != before:
            noted[position] = ledger.counts - before
            before = Counter(ledger.counts)
        yield example


def _mended(tags: list[str], place: str, ledger: Ledger) -> list[str]:
    scheme = ledger.scheme or "IOB2"
    try:
        well_formed, changed = repair(tags, scheme)
    except InputError as error:
        raise InputError(f"{place}: {error}; check data.tag_column") from error
    ledger.note("repaired", changed, lambda: f"{place}: ill-formed {scheme} tags")
    return well_formed if scheme == "IOB2" else convert(well_formed, "IOB2")


def _hold_out(train: Dataset, share: float, seed: int) -> tuple[list[int], list[int]]:
    """Positions of the training and the validation part, whole documents to either side, in the order of the source.

    Documents are taken at random as long as the part comes nearer to its share by them.
    """
    groups: dict[str, list[int]] = {}
    for position, document in enumerate(train[DOCUMENT_ID]):
        groups.setdefault(document if document is not None else f"\0{position}", []).append(position)
    order = list(groups.values())
    random.Random(seed).shuffle(order)
    wanted = math.ceil(share * len(train))
    held: list[int] = []
    for group in order:
        if len(held) + len(group) / 2 <= wanted:
            held += group
    held = held or min(order, key=len)
    if len(held) in (0, len(train)):
        raise InputError(
            f"data.validation {share:g}: leaves nothing on one side of {len(train)} sentences in {len(order)} "
            "documents (they stay whole); name a validation part instead"
        )
    taken = set(held)
    kept = [position for position in range(len(train)) if position not in taken]
    return kept, sorted(held)


def _cut(train: Dataset, findings: Findings, limit: int) -> tuple[Dataset, Findings]:
    """The training part with no sentence longer than `limit` tokens, and the account of what that took away."""
    ledger = Ledger.of(findings)

    def rows() -> Iterator[dict[str, Any]]:
        for position, row in enumerate(train):
            assert isinstance(row, dict)
            excess = len(row[TOKENS]) - limit
            if excess > 0:
                place = f"{findings.source}: sentence {position + 1} of the training part"
                ledger.note("cut_tokens", excess, lambda place=place: f"{place} cut after {limit} tokens", fatal=False)
                for name in (TOKENS, TAGS, STARTS, ENDS):
                    if name in row:
                        row[name] = row[name][:limit]
            yield row

    cut = store(rows(), train.features)
    return (cut, ledger.findings()) if ledger.counts["cut_tokens"] else (train, findings)
