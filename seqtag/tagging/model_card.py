"""The model card: what a shipped model is, what it was trained on, and how well it does."""

from typing import Any

from seqtag.tagging.model_directory import TrainedModel


def model_card(model: TrainedModel, report: dict[str, Any]) -> str:
    """Markdown with the metadata block that the Hub reads."""
    config = model.config
    directions = "bidirectional" if config.bidirectional else "forward"
    lines = [
        "---",
        "library_name: seqtag",
        "pipeline_tag: token-classification",
        "tags: [sequence-labelling, named-entity-recognition]",
        "---",
        "",
        f"# A seqtag tagger: {', '.join(model.vocabulary.labels)}",
        "",
        f"- Network: {config.num_layers} {directions} {config.encoder.upper()} layer(s) of {config.hidden_size} units, "
        f"{config.head} head, characters by {config.char_encoder}, tags learned as {config.tag_scheme}",
        f"- Vocabulary: {len(model.vocabulary.words):,} words"
        + (f", {len(model.vocabulary.vectors):,} pretrained vectors" if model.vector_features else ""),
        f"- Trained on: {_source(model.data)}, seed {report['seed']}, {report['training']['epochs']} epochs",
        "",
        "## Scores",
        "",
        'Span-level precision, recall and F1, strict (seqeval, `mode="strict"`, IOB2).',
        "",
        "| part | F1 | 95 % interval | precision | recall | sentences |",
        "|---|---|---|---|---|---|",
    ]
    for name, scores in report["splits"].items():
        low, high = scores["f1_ci95"]
        note = " (used for model selection)" if name == "validation" else ""
        lines.append(
            f"| {name}{note} | {scores['f1']:.4f} | {low:.4f} to {high:.4f} | {scores['precision']:.4f} "
            f"| {scores['recall']:.4f} | {scores['sentences']:,} |"
        )
    lines += ["", "Evaluate it on your own data with `python -m seqtag.evaluate --model DIR`.", ""]
    return "\n".join(lines)


def _source(data: dict[str, Any]) -> str:
    if data["format"] == "sample":
        return "the sample corpus of seqtag, which is too small for use in earnest"
    if data["path"]:
        revision = f" at {data['revision']}" if data["revision"] else ""
        return f"`{data['path']}`{revision}, split {data['train']}"
    return f"a private corpus ({data['format']})"
