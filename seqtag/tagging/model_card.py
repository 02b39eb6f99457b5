"""The model card: what a shipped model is, what it was trained on, how well it does and how it is used."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from seqtag.evaluation.labels import label_scores
from seqtag.sentences import SENTENCE_RULE
from seqtag.tagging.model_directory import TrainedModel
from seqtag.tokenization import TOKENIZER

_SPAN_METRICS = {"f1": "F1 (strict, span-level)", "precision": "precision (strict)", "recall": "recall (strict)"}
_LABEL_METRICS = {
    "classification": {"accuracy": "accuracy", "macro_f1": "macro F1"},
    "joint": {"f1": "F1 (strict, span-level)", "label_accuracy": "accuracy of labels"},
}
_USE = """\
## Use

```python
import seqtag

tagger = seqtag.load("MODEL")  # this folder, or the id of its repository
document = tagger("A text with entities in it.")
print(document.entities, document.label, document.score)
```

or, a text a line in and JSON lines out, `python -m seqtag.tag --model MODEL --input FILE`. The score of an
entity is the probability of exactly that span with that label."""


def model_card(model: TrainedModel, report: dict[str, Any]) -> str:
    """Markdown with the metadata block that the Hub reads."""
    config, vocabulary = model.config, model.vocabulary
    directions = "bidirectional" if config.bidirectional else "forward"
    characters = [] if config.char_encoder == "none" else [f"characters by {config.char_encoder}"]
    heads = [f"{config.head} head, tags learned as {config.tag_scheme}"] if vocabulary.tags else []
    heads += [f"labels of texts from states pooled by {config.pooling}"] if vocabulary.classes else []
    lines = [
        "---",
        _metadata(model, report),
        "---",
        "",
        f"# A seqtag model: {', '.join(vocabulary.labels + vocabulary.classes)}",
        "",
        f"- Network: {_ensemble(config.members)}{config.num_layers} {directions} {config.encoder.upper()} layer(s) of "
        f"{config.hidden_size} units, {', '.join([*characters, *heads])}",
        f"- Vocabulary: {len(vocabulary.words):,} words"
        + (f", {len(vocabulary.vectors):,} pretrained vectors" if model.vector_features else ""),
        f"- Trained on: {_source(model.data)}, seed {report['seed']}, {report['training']['epochs']} epochs",
        f"- Raw text is tokenized by the rule {TOKENIZER}"
        + ("" if vocabulary.classes else f" and split into sentences by {SENTENCE_RULE}"),
        "",
        _USE,
        "",
        "## Scores",
        "",
        *_scores(report),
        "",
        "On data of your own: `python -m seqtag.evaluate --model MODEL --data.format conll --data.path DIR "
        "--data.test FILE --split test`.",
        "",
        "## Configuration",
        "",
        "```json",
        json.dumps(_shipped(asdict(config)), indent=1),
        "```",
        "",
    ]
    return "\n".join(lines)


def _ensemble(members: int) -> str:
    return f"an ensemble of {members}, each " if members > 1 else ""


def _scores(report: dict[str, Any]) -> list[str]:
    """Tables of what the model was scored by."""
    spans = {name: scores for name, scores in report["splits"].items() if "f1" in scores}
    labels = {name: own for name, scores in report["splits"].items() if (own := label_scores(scores)) is not None}
    lines = []
    if spans:
        lines += [
            'Span-level precision, recall and F1, strict (seqeval, `mode="strict"`, IOB2); expected calibration error '
            "of the scores of predicted entities.",
            "",
            *_table(spans, {"F1": "f1", "precision": "precision", "recall": "recall"}, "sentences"),
        ]
    if labels:
        lines += [
            *([""] if spans else []),
            "Labels of whole texts: accuracy, F1, and expected calibration error of the scores of the labels given.",
            "",
            *_table(labels, {"accuracy": "accuracy", "macro F1": "macro_f1", "micro F1": "micro_f1"}, "texts"),
        ]
    return lines


def _table(splits: Mapping[str, Mapping[str, Any]], metrics: dict[str, str], counted: str) -> list[str]:
    """A row a part: the metrics, the first with its interval."""
    first, *others = metrics.values()
    shown, *others_shown = metrics
    header = ["part", shown, "95 % interval", *others_shown, "calibration error", counted]
    rows = [header, ["---"] * len(header)]
    for name, scores in splits.items():
        low, high = scores[f"{first}_ci95"]
        figures = [f"{scores[metric]:.4f}" for metric in others]
        interval = f"{low:.4f} to {high:.4f}"
        rows.append([_part(name), f"{scores[first]:.4f}", interval, *figures, _error(scores), f"{scores[counted]:,}"])
    return [f"| {' | '.join(row)} |" for row in rows]


def _part(name: str) -> str:
    return f"{name} (used for model selection)" if name == "validation" else name


def _error(scores: Mapping[str, Any]) -> str:
    error = scores["calibration"]["ece"]
    return "none found" if error is None else f"{error:.4f}"


def _shipped(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in ("word_vectors", "backend")}


def _metadata(model: TrainedModel, report: dict[str, Any]) -> str:
    """The YAML block, scores included, by huggingface_hub's own means."""
    path = model.data["path"]
    kinds = {"ner": "token-classification", "classification": "text-classification", "joint": "token-classification"}
    results = [
        EvalResult(
            task_type=kinds[model.task],
            dataset_type=path or model.data["format"],
            dataset_name=path or _source(model.data),
            dataset_revision=model.data["revision"] if path else None,
            dataset_split=name,
            metric_type=metric,
            metric_name=shown,
            metric_value=round(scores[metric], 4),
        )
        for name, scores in report["splits"].items()
        for metric, shown in (_SPAN_METRICS if model.task == "ner" else _LABEL_METRICS[model.task]).items()
    ]
    card = ModelCardData(
        library_name="seqtag",
        pipeline_tag=kinds[model.task],
        tags=["sequence-labelling"],
        datasets=[path] if path else None,
        model_name="seqtag model",
        eval_results=results or None,
    )
    return card.to_yaml()


def _source(data: dict[str, Any]) -> str:
    if data["format"] == "sample":
        return "the sample corpus of seqtag, which is too small for use in earnest"
    if data["path"]:
        revision = f" at {data['revision']}" if data["revision"] else ""
        return f"`{data['path']}`{revision}, split {data['train']}"
    return f"a private corpus ({data['format']})"
