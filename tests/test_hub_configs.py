"""Configurations of Hub sets that are too far away to load here: their features, in a local folder, train."""

import json
from pathlib import Path

import pytest
from corpora import sentences, settings
from datasets import ClassLabel, Dataset, Features, List, Value

from seqtag import train

STRING, STRINGS = Value("string"), List(Value("string"))
LABELS = ["negative", "neutral", "positive"]
WORDS = {"negative": "fell", "neutral": "stayed", "positive": "rose"}
SPLITS = {"train": 90, "validation": 12, "test": 12}


def texts(count: int) -> dict:
    names = [LABELS[index % 3] for index in range(count)]
    made = [f"Profit of the firm {WORDS[name]} in {index} ." for index, name in enumerate(names)]
    return {"sentiment": names, "sentence": made, "label": [LABELS.index(name) for name in names]}


def tagged(count: int, seed: int, names: list[str], labels: dict[str, str]) -> dict:
    rows = sentences(count, seed)
    kept = [[f"{tag[:2]}{labels[tag[2:]]}" if tag[2:] in labels else "O" for tag in tags] for _, tags in rows]
    return {"tokens": [tokens for tokens, _ in rows], "tags": [[names.index(tag) for tag in tags] for tags in kept]}


DISEASE = ["O", "B-Disease", "I-Disease"]
BOTH = ["O", "B-Chemical", "B-Disease", "I-Disease", "I-Chemical"]
SETS = {
    "financial_phrasebank": (
        Features({"sentiment": STRING, "sentence": STRING, "label": ClassLabel(names=LABELS)}),
        lambda count, _: texts(count),
        "accuracy",
    ),
    "ncbi_disease": (
        Features({"id": STRING, "tokens": STRINGS, "ner_tags": List(ClassLabel(names=DISEASE))}),
        lambda count, seed: {
            "id": list(map(str, range(count))),
            **{
                {"tags": "ner_tags"}.get(name, name): column
                for name, column in tagged(count, seed, DISEASE, {"PER": "Disease"}).items()
            },
        },
        "f1",
    ),
    "bc5cdr": (
        Features({"tokens": STRINGS, "tags": List(Value("int32"))}),
        lambda count, seed: tagged(count, seed, BOTH, {"PER": "Disease", "LOC": "Chemical"}),
        "f1",
    ),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name == "ncbi_disease")) for name in SETS]
)
def test_a_set_of_these_features_trains(name: str, tmp_path: Path) -> None:
    features, columns, score = SETS[name]
    folder = tmp_path / "set"
    for seed, (split, count) in enumerate(SPLITS.items()):
        (folder / "data").mkdir(parents=True, exist_ok=True)
        path = folder / "data" / f"{split}-00000-of-00001.parquet"
        Dataset.from_dict(columns(count, seed), features=features).to_parquet(path)
    config = Path(__file__).parents[1] / "configs" / f"{name}.yaml"
    flags = settings(folder)
    of_config = ("--data.format", "--data.validation")
    quick = [part for pair in zip(flags[::2], flags[1::2], strict=True) if pair[0] not in of_config for part in pair]
    argv = ["--config", str(config), *quick, "--training.epochs", "6"]
    assert train.main([*argv, "--training.learning_rate", "0.03", "--output", str(tmp_path / "run")]) == 0
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert set(report["splits"]) == {"validation", "test"}
    assert report["splits"]["test"][score] > 0.8
