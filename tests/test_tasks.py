"""One contract for every task: train by the real command, evaluate, load, tag, resume."""

import json
import random
import shutil
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest
import spacy
from corpora import sentences, settings, write_jsonl
from spacy.tokens import Doc

import seqtag
from seqtag import check, compare, evaluate, tag, train
from seqtag.errors import InputError

MOODS = {"good": "superb lovely fine".split(), "bad": "awful poor dull".split()}


class Task(NamedTuple):
    name: str
    flags: dict[str, object]
    scores: tuple[str, ...]
    """What the report of a split holds, best first: 1 is perfect."""


TASKS = [
    Task("ner", {}, ("f1",)),
    Task("classification", {"model.pooling": "attention"}, ("accuracy", "macro_f1", "micro_f1")),
    Task("classification", {"model.pooling": "max", "data.multi_label": "true"}, ("accuracy", "micro_f1")),
    Task("joint", {"model.pooling": "mean"}, ("f1", "label_accuracy", "sentence_accuracy")),
    Task("joint", {"model.pooling": "last", "model.head": "softmax"}, ("f1", "label_accuracy", "sentence_accuracy")),
]


def records(count: int, seed: int, multi_label: bool) -> list[dict]:
    """Sentences with entities and a word of mood or two."""
    rng = random.Random(seed)
    made = []
    for tokens, tags in sentences(count, seed):
        moods = [mood for mood in MOODS if rng.random() < 0.5] if multi_label else [rng.choice(list(MOODS))]
        words = [rng.choice(MOODS[mood]) for mood in moods]
        label = moods if multi_label else moods[0]
        made.append({"tokens": [*tokens, *words], "tags": [*tags, *["O"] * len(words)], "label": label})
    return made


@pytest.fixture(scope="module", params=TASKS, ids=lambda task: "-".join([task.name, *map(str, task.flags.values())]))
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Task, Path, list[str]]:
    task: Task = request.param
    folder = tmp_path_factory.mktemp("task")
    for seed, (name, count) in enumerate((("train", 200), ("valid", 30), ("test", 30))):
        write_jsonl(folder / f"{name}.jsonl", records(count, seed, "data.multi_label" in task.flags))
    flags = ["--task", task.name, *settings(folder, **{"data.format": "jsonl", "training.epochs": 8, **task.flags})]
    flags += ["--training.learning_rate", "0.03"]
    assert train.main([*flags, "--output", str(folder / "run")]) == 0
    return task, folder, flags


def report(run: Path) -> dict:
    return json.loads((run / "report.json").read_text())


def test_the_task_is_learned_and_reported(trained: tuple[Task, Path, list[str]]) -> None:
    task, folder, _ = trained
    for split in report(folder / "run")["splits"].values():
        for name in task.scores:
            assert 0.8 <= split[name] <= 1, (name, split[name])
        assert split["sentences"] == 30
    text = (folder / "run" / "report.txt").read_text()
    assert ("label accuracy" in text) == (task.name != "ner")
    assert ("scoring: strict" in text) == (task.name != "classification")


def test_evaluating_the_saved_model_gives_the_same_scores(trained: tuple[Task, Path, list[str]]) -> None:
    _, folder, _ = trained
    target = folder / "again.json"
    assert evaluate.main(["--model", str(folder / "run"), "--report", str(target)]) == 0
    own, again = report(folder / "run")["splits"], json.loads(target.read_text())["splits"]
    for split, scores in own.items():
        for name, value in scores.items():
            if isinstance(value, float) and name != "log_loss":
                assert again[split][name] == pytest.approx(value, abs=1e-6), (split, name)


def test_a_text_has_as_many_labels_as_the_model_was_trained_on(trained: tuple[Task, Path, list[str]]) -> None:
    task, folder, _ = trained
    several = "data.multi_label" in task.flags
    flags = ["--model", str(folder / "run"), "--data.multi_label", str(not several).lower()]
    if task.name == "ner":
        assert evaluate.main(flags) == 0
        return
    with pytest.raises(InputError, match=f"data.multi_label is {not several}, but the model gives a text"):
        evaluate.main(flags)


def test_labels_that_the_model_lacks_are_counted_beside_those_it_has(trained: tuple[Task, Path, list[str]]) -> None:
    task, folder, _ = trained
    if "data.multi_label" not in task.flags:
        pytest.skip("a text has one label")
    flags = ["--model", str(folder / "run"), "--data.validation", "null", "--data.test", "odd.jsonl"]
    words = ["dull", "superb"]
    write_jsonl(folder / "odd.jsonl", [{"tokens": words, "tags": ["O", "O"], "label": ["bad", "new"]}] * 10)
    assert evaluate.main([*flags, "--report", str(folder / "odd.json")]) == 0
    scores = json.loads((folder / "odd.json").read_text())["splits"]["test"]
    assert (
        scores["unseen_labels"] == scores["per_label"]["new"]["support"] == scores["per_label"]["bad"]["support"] == 10
    )
    write_jsonl(folder / "odd.jsonl", [{"tokens": words, "tags": ["O", "O"], "label": ["newer", "new"]}])
    with pytest.raises(InputError, match="none of its labels is known to the model, which has bad, good"):
        evaluate.main(flags)


def test_predictions_are_written_beside_gold(trained: tuple[Task, Path, list[str]]) -> None:
    task, folder, _ = trained
    (path,) = (folder / "run" / "predictions").glob("test.*")
    assert path.suffix == (".jsonl" if task.name == "classification" else ".conll")
    text = path.read_text()
    assert ("predicted_labels" in text) == (task.name != "ner")
    if task.name == "classification":
        rows = [json.loads(line) for line in text.splitlines()]
        right = sum(sorted(row["predicted_labels"]) == sorted(row["labels"]) for row in rows)
        assert right / len(rows) == pytest.approx(report(folder / "run")["splits"]["test"]["accuracy"])


def test_the_page_shows_the_run_and_loads_nothing(trained: tuple[Task, Path, list[str]]) -> None:
    task, folder, _ = trained
    page = (folder / "run" / "report.html").read_text()
    tags = Counted(page)
    assert tags.unclosed == []
    assert not {"script", "link", "img", "iframe", "object"} & tags.seen.keys()
    assert ("Spans by label" in page) == (task.name != "classification")
    assert ("Labels of texts" in page) == (task.name != "ner")
    assert "Recall of seen and unseen spans" in page or task.name == "classification"
    assert page.count("<polyline") == (3 if task.name == "joint" else 2)
    assert f"{report(folder / 'run')['splits']['test'][task.scores[0]]:.4f}" in page
    assert "learning_rate: 0.03" in page
    assert str(folder) in page  # of the configuration: the page stays in the run folder, the model card does not


class Counted(HTMLParser):
    """The elements of a page."""

    _EMPTY = ("meta", "line", "circle", "polyline")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()
        self.unclosed: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[tag] += 1
        if tag not in self._EMPTY or tag == "circle":
            self.unclosed.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed.pop() == tag


def test_a_run_compared_with_itself_is_identical_and_has_its_own_scores(
    trained: tuple[Task, Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task, folder, _ = trained
    run, target = str(folder / "run"), tmp_path / "comparison.json"
    assert compare.main([run, run, "--report", str(target)]) == 0
    told = capsys.readouterr().out
    assert "The predictions are identical." in told
    assert "The models are byte-identical." in told
    comparison, scores = json.loads(target.read_text()), report(folder / "run")["splits"]["test"]
    assert comparison["split"] == "test"
    assert comparison["differing"] == []
    scores["label_accuracy"] = scores.get("label_accuracy", scores["accuracy"])
    for name, row in comparison["measures"].items():
        assert row["a"] == row["b"] == pytest.approx(scores[name]), name
        assert row["ci95"] == [0, 0]
        assert row["p_value"] == 1
    assert (
        set(comparison["measures"])
        == {
            "ner": {"f1"},
            "classification": {"label_accuracy"},
            "joint": {"f1", "label_accuracy", "sentence_accuracy"},
        }[task.name]
    )


def test_the_model_loads_and_tags(trained: tuple[Task, Path, list[str]]) -> None:
    task, folder, _ = trained
    tagger = seqtag.load(str(folder / "run"))
    text = "Ada Noor met near Brno . superb"
    document = tagger(text)
    assert tagger.classes == (() if task.name == "ner" else ("bad", "good"))
    assert [(entity.text, entity.label) for entity in document.entities] == (
        [] if task.name == "classification" else [("Ada Noor", "PER"), ("Brno", "LOC")]
    )
    if task.name == "ner":
        assert (document.label, document.score, document.labels) == (None, None, {})
        return
    assert document.label == "good"
    assert document.score == document.labels["good"] > 0.5
    assert list(document.labels) == ["good", "bad"]
    if "data.multi_label" not in task.flags:
        assert sum(document.labels.values()) == pytest.approx(1.0, abs=1e-5)
    if task.flags["model.pooling"] == "attention":
        assert sum(document.attention) == pytest.approx(1.0, abs=1e-5)
        assert len(document.attention) == len(document.tokens)
        assert "--weight:1.00" in document.to_html()
    else:
        assert not document.attention
    assert document.to_dict()["label"] == "good"
    for own, other in zip(tagger.tag([text, "", ["dull"] * 5000]), [document, tagger("")], strict=False):
        assert own.label == other.label
        assert own.labels == pytest.approx(other.labels, abs=1e-5)
    assert tagger("").label is None
    assert tagger(["dull"] * 5000).label == "bad"  # longer than any row
    if task.name == "joint":
        for given in (text, ["Ada", "Noor", *["dull"] * 5000]):
            ranked = tagger(given, n_best=2).n_best
            assert [entity.text for entity in ranked[0].entities] == [one.text for one in tagger(given).entities]
            assert ranked[0].tags != ranked[1].tags
            assert ranked[0].probability >= ranked[1].probability
            # Those of 5,000 uncertain tokens are less than a float holds.
            assert ranked[0].probability > ranked[1].probability or given is not text
    with pytest.raises(InputError, match="labels whole texts"):
        tagger(text, split_sentences=True)


def test_a_spacy_pipeline_says_the_same(trained: tuple[Task, Path, list[str]]) -> None:
    """Of a text with a sentence boundary in it, read whole where it is labelled; another component's labels stay."""
    _, folder, _ = trained
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("seqtag", config={"model": str(folder / "run")})
    words = "Ada Noor met near Brno . superb".split()
    expected = seqtag.load(str(folder / "run"))(words)
    doc = Doc(nlp.vocab, words=words)
    doc.cats["spam"] = 0.5
    nlp(doc)
    assert doc.cats == pytest.approx({"spam": 0.5, **expected.labels}, abs=1e-5)
    assert [(ent.text, ent.label_) for ent in doc.ents] == [(one.text, one.label) for one in expected.entities]
    assert nlp("").cats == {}


def test_the_tag_command_writes_labels(
    trained: tuple[Task, Path, list[str]], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    task, folder, _ = trained
    records = [{"text": "Ada Noor met Bo . superb", "label": "gold"}, {"text": "awful"}, {"text": ""}]
    write_jsonl(tmp_path / "in.jsonl", records)
    flags = ["--model", str(folder / "run"), "--input", str(tmp_path / "in.jsonl"), "--tokens"]
    assert tag.main(flags) == 0
    rows = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert len(rows) == 3
    assert tag.main([*flags, "--output", str(tmp_path / "out.parquet")]) == 0
    table = pq.read_table(tmp_path / "out.parquet").to_pylist()
    if task.name == "ner":
        assert [row.get("label") for row in rows] == [row["label"] for row in table] == ["gold", None, None]
        return
    assert [row["label"] for row in rows] == [row["label"] for row in table] == ["good", "bad", None]
    assert rows[0]["input_label"] == table[0]["input_label"] == "gold"
    assert [dict(row["labels"]) for row in table] == [row["labels"] for row in rows]
    assert ("attention" in rows[0]) == (task.flags["model.pooling"] == "attention")


def test_a_run_that_stopped_goes_on_to_the_same_bytes(trained: tuple[Task, Path, list[str]]) -> None:
    """As if killed in the last epoch: what came after the checkpoint before it is taken away."""
    _, folder, flags = trained
    target = folder / "resumed"
    shutil.copytree(folder / "run", target)
    *_, newest = sorted(target.glob("checkpoints/[0-9]*"), key=lambda path: int(path.name))
    shutil.rmtree(newest)
    shutil.rmtree(target / "model")
    assert train.main([*flags, "--resume", "--output", str(target)]) == 0
    weights = "model/model.safetensors"
    assert (target / weights).read_bytes() == (folder / "run" / weights).read_bytes()
    assert report(target)["splits"] == report(folder / "run")["splits"]


def test_the_card_tells_the_scores(trained: tuple[Task, Path, list[str]]) -> None:
    task, folder, _ = trained
    card = (folder / "run" / "model" / "README.md").read_text()
    kind = "text-classification" if task.name == "classification" else "token-classification"
    assert f"pipeline_tag: {kind}" in card
    assert ("| part | accuracy |" in card) == (task.name != "ner")
    assert ("| part | F1 |" in card) == (task.name != "classification")


def test_labels_are_needed_for_their_task(tmp_path: Path) -> None:
    for name in ("train", "valid", "test"):
        write_jsonl(tmp_path / f"{name}.jsonl", [{"tokens": ["a"], "tags": ["O"], "label": "x"}])
    flags = settings(tmp_path, **{"data.format": "jsonl"})
    for command, more in ((train, ["--output", str(tmp_path / "run")]), (check, [])):
        with pytest.raises(InputError, match="needs texts with 2 labels or more, and the training part has only 'x'"):
            command.main(["--task", "classification", *flags, *more])


def test_joined_labels_are_one_label_or_several(tmp_path: Path) -> None:
    from seqtag.config import DataConfig
    from seqtag.data.reading import read_corpus

    write_jsonl(tmp_path / "train.jsonl", [{"tokens": ["a"], "tags": ["O"], "intent": "flight#fare"}])
    base = {"format": "jsonl", "path": str(tmp_path), "train": "train", "validation": None, "test": None}
    assert read_corpus(DataConfig(**base)).splits["train"][0]["labels"] == ["flight#fare"]
    several = DataConfig(**base, multi_label=True, label_separator="#")
    assert read_corpus(several).splits["train"][0]["labels"] == ["flight", "fare"]
