"""Check the sample corpus: offsets, labels, duplicates, and names that leak from one split into another.

    python scripts/check_sample.py

Prints what it counted; ends with exit code 1 and a line for each fault when there are any.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from itertools import combinations

LABELS = {"PERSON", "ORG", "LOC", "DATE", "PRODUCT"}
SENTIMENTS = {"positive", "negative", "neutral"}
DOMAINS = {"news", "finance", "medicine", "travel", "voice", "product", "film", "sport", "science"}
SPLITS = ("train", "validation", "test")
SIMILAR = 0.7
"""Share of words in common above which two sentences of different splits count as near duplicates."""

Record = dict


def read(split: str) -> list[Record]:
    """The records of a split."""
    text = files("seqtag.data.sample").joinpath(f"{split}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def faults_of_record(record: Record) -> Iterator[str]:
    """What is wrong with one record, its place aside."""
    text = record["text"]
    if text != text.strip() or "  " in text or "\n" in text:
        yield "white space at an edge, doubled, or a line break"
    if record["sentiment"] not in SENTIMENTS:
        yield f"sentiment {record['sentiment']!r}"
    if record["domain"] not in DOMAINS:
        yield f"domain {record['domain']!r}"
    end = 0
    for entity in record["entities"]:
        start, stop = entity["start"], entity["end"]
        if not end <= start < stop <= len(text):
            yield f"entity {entity} overlaps another, is empty or leaves the text"
            continue
        end = stop
        surface = text[start:stop]
        if entity["label"] not in LABELS:
            yield f"label {entity['label']!r}"
        if surface != surface.strip() or surface.endswith(("'s", "’s", ",")):
            yield f"entity {surface!r} does not end where its name does"
        if (text[start - 1 : start] + surface[0]).isalnum() and start > 0:
            yield f"entity {surface!r} begins inside a word"
        if text[stop : stop + 1].isalnum() and surface[-1].isalnum():
            yield f"entity {surface!r} ends inside a word"


def names(records: list[Record]) -> set[str]:
    """Surfaces of all entities but dates, case folded."""
    return {
        record["text"][entity["start"] : entity["end"]].casefold()
        for record in records
        for entity in record["entities"]
        if entity["label"] != "DATE"
    }


def words(text: str) -> frozenset[str]:
    """The words of a text, case folded."""
    return frozenset(re.findall(r"\w+", text.casefold()))


def faults(corpus: dict[str, list[Record]]) -> Iterator[str]:
    """Everything wrong with the corpus, a line each."""
    for split, records in corpus.items():
        for number, record in enumerate(records, 1):
            for fault in faults_of_record(record):
                yield f"{split}.jsonl:{number}: {fault}"
        for identifier, count in Counter(record["id"] for record in records).items():
            if count > 1:
                yield f"{split}.jsonl: id {identifier} stands {count} times"
    texts = Counter(" ".join(record["text"].casefold().split()) for records in corpus.values() for record in records)
    yield from (f"text stands {count} times: {text}" for text, count in texts.items() if count > 1)
    for one, other in combinations(corpus, 2):
        yield from (f"name in {one} and {other}: {name}" for name in sorted(names(corpus[one]) & names(corpus[other])))
        bags = [(record["id"], words(record["text"])) for record in corpus[other]]
        for record in corpus[one]:
            own = words(record["text"])
            for identifier, bag in bags:
                if len(own & bag) > SIMILAR * len(own | bag):
                    yield f"{record['id']} and {identifier} are near duplicates"


def main() -> int:
    """Run the checks; returns the exit code."""
    corpus = {split: read(split) for split in SPLITS}
    for split, records in corpus.items():
        labels = Counter(entity["label"] for record in records for entity in record["entities"])
        sentiments = Counter(record["sentiment"] for record in records)
        print(
            f"{split}: {len(records)} texts, {sum(labels.values())} entities {dict(labels.most_common())}, "
            f"sentiment {dict(sentiments.most_common())}"
        )
    found = list(faults(corpus))
    print("\n".join(found) if found else "no faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
