"""The model card: what a shipped model is, what it was trained on, how well it does and how it is used."""

import json
from dataclasses import asdict
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from seqtag.sentences import SENTENCE_RULE
from seqtag.tagging.model_directory import TrainedModel
from seqtag.tokenization import TOKENIZER

_USE = """\
## Use

```python
import seqtag

tagger = seqtag.load("MODEL")  # this folder, or the id of its repository
document = tagger("A text with entities in it.")
print(document.entities)
```

or, a text a line in and JSON lines out, `python -m seqtag.tag --model MODEL --input FILE`. A score is the probability
of exactly that span with that label."""


def model_card(model: TrainedModel, report: dict[str, Any]) -> str:
    """Markdown with the metadata block that the Hub reads."""
    config = model.config
    directions = "bidirectional" if config.bidirectional else "forward"
    lines = [
        "---",
        _metadata(model, report),
        "---",
        "",
        f"# A seqtag tagger: {', '.join(model.vocabulary.labels)}",
        "",
        f"- Network: {config.num_layers} {directions} {config.encoder.upper()} layer(s) of {config.hidden_size} units, "
        f"{config.head} head, characters by {config.char_encoder}, tags learned as {config.tag_scheme}",
        f"- Vocabulary: {len(model.vocabulary.words):,} words"
        + (f", {len(model.vocabulary.vectors):,} pretrained vectors" if model.vector_features else ""),
        f"- Trained on: {_source(model.data)}, seed {report['seed']}, {report['training']['epochs']} epochs",
        f"- Raw text is tokenized by the rule {TOKENIZER} and split into sentences by {SENTENCE_RULE}",
        "",
        _USE,
        "",
        "## Scores",
        "",
        'Span-level precision, recall and F1, strict (seqeval, `mode="strict"`, IOB2); expected calibration error of '
        "the scores of predicted entities.",
        "",
        "| part | F1 | 95 % interval | precision | recall | calibration error | sentences |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, scores in report["splits"].items():
        low, high = scores["f1_ci95"]
        note = " (used for model selection)" if name == "validation" else ""
        error = scores["calibration"]["ece"]
        calibrated = "no entities" if error is None else f"{error:.4f}"
        lines.append(
            f"| {name}{note} | {scores['f1']:.4f} | {low:.4f} to {high:.4f} | {scores['precision']:.4f} "
            f"| {scores['recall']:.4f} | {calibrated} | {scores['sentences']:,} |"
        )
    lines += [
        "",
        "Evaluate it on your own data with `python -m seqtag.evaluate --model MODEL`.",
        "",
        "## Configuration",
        "",
        "```json",
        json.dumps(_shipped(asdict(config)), indent=1),
        "```",
        "",
    ]
    return "\n".join(lines)


def _shipped(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in ("word_vectors", "backend")}


def _metadata(model: TrainedModel, report: dict[str, Any]) -> str:
    """The YAML block, scores included, by huggingface_hub's own means."""
    path = model.data["path"]
    results = [
        EvalResult(
            task_type="token-classification",
            dataset_type=path or model.data["format"],
            dataset_name=path or _source(model.data),
            dataset_revision=model.data["revision"] if path else None,
            dataset_split=name,
            metric_type=metric,
            metric_name=f"{metric} (strict, span-level)",
            metric_value=round(scores[metric], 4),
        )
        for name, scores in report["splits"].items()
        for metric in ("f1", "precision", "recall")
    ]
    card = ModelCardData(
        library_name="seqtag",
        pipeline_tag="token-classification",
        tags=["sequence-labelling", "named-entity-recognition"],
        datasets=[path] if path else None,
        model_name="seqtag tagger",
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
