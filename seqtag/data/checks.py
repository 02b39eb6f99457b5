"""What is in a corpus and what is odd about it: figures a split, and warnings with counts. No model is loaded."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import numpy as np
from datasets import Dataset

from seqtag.config import Config
from seqtag.data.schema import DOCUMENT_ID, LABELS, TAGS, TOKENS, Corpus, Findings
from seqtag.data.split import Split
from seqtag.errors import InputError
from seqtag.schemes import tags_to_spans

FEW = 20
"""Spans of a label in training below which a warning is given."""
_SHOWN = 3
_BREAKS = frozenset("\t\n\r")
_CATEGORIES = {"Cc": "control", "Co": "private use", "Cs": "surrogate", "Cn": "unassigned", "Cf": "invisible format"}
_EDGES = frozenset(".,;:!?…\"'()[]{}«»“”‘’")


@dataclass
class SplitFigures:
    """Figures of one split."""

    sentences: int = 0
    documents: int = 0
    without_span: int = 0
    tokens: Counter[str] = field(default_factory=Counter)
    lengths: list[int] = field(default_factory=list)
    spans: Counter[str] = field(default_factory=Counter)
    """Spans by label."""
    sentence_labels: Counter[str] = field(default_factory=Counter)
    surfaces: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Labels by the text of a span."""
    texts: Counter[str] = field(default_factory=Counter)
    odd_edges: list[str] = field(default_factory=list)
    """Spans that begin or end with punctuation."""


@dataclass
class CheckReport:
    """What a check found."""

    figures: dict[str, SplitFigures]
    findings: dict[str, Findings]
    warnings: list[str]


def check_learnable(spans: Collection[str], classes: Collection[str], config: Config, source: str) -> None:
    """Raise InputError where a training part lacks what the task learns from.

    Args:
        spans: the labels of its spans.
        classes: the labels of its texts.
        config: of the run.
        source: the training part's, for the message.
    """
    if config.task != "classification" and not spans:
        raise InputError(f"{source}: no labelled span in the training part; check data.tag_column and data.format")
    least = 1 if config.data.multi_label else 2
    if config.task != "ner" and len(classes) < least:
        found = f"only {next(iter(classes))!r}" if classes else "none"
        raise InputError(
            f"{source}: task {config.task} needs texts with {least} labels or more, and the training part has {found}; "
            "check data.label_column"
        )
    for label in [*spans, *classes]:
        if not label.strip() or _BREAKS & set(label):
            raise InputError(f"{source}: the label {label!r} is blank or has a tab or a line break in it; rename it")


def check_gold(split: Split, role: str, task: str, source: str) -> None:
    """Raise InputError where a part has nothing of the task to score against: no span, no label.

    Args:
        split: the part.
        role: `validation`, `test`, or where a saved model is scored on it `train`.
        task: of the model.
        source: the part's, for the message.
    """
    for sentences in split.stretches():
        if task != "classification" and any(tag != "O" for tags in sentences.tags for tag in tags):
            return
        if task != "ner" and any(labels is not None for labels in sentences.labels):
            return
    raise InputError(
        f"{source}: nothing is labelled in the {role} part; name another one, or check data.tag_column and "
        "data.label_column"
    )


def check_corpus(corpus: Corpus) -> CheckReport:
    """Look through every split of a corpus."""
    figures = {str(role): _figures(dataset) for role, dataset in corpus.splits.items()}
    warnings = [
        *_reading_warnings(corpus.findings),
        *_label_warnings(figures),
        *_duplicate_warnings(figures),
        *_text_warnings(figures),
    ]
    return CheckReport(figures, corpus.findings, warnings)


def _figures(dataset: Dataset) -> SplitFigures:
    found = SplitFigures(sentences=len(dataset))
    documents = set()
    for row in dataset:
        assert isinstance(row, dict)
        tokens, tags = row[TOKENS], row[TAGS]
        documents.add(row[DOCUMENT_ID])
        found.tokens.update(tokens)
        found.lengths.append(len(tokens))
        found.texts[" ".join(tokens)] += 1
        found.sentence_labels.update(row.get(LABELS) or ())
        spans = tags_to_spans(tags)
        found.without_span += not spans
        for span in spans:
            surface = " ".join(tokens[span.start : span.end])
            found.spans[span.label] += 1
            found.surfaces[surface][span.label] += 1
            if {tokens[span.start], tokens[span.end - 1]} & _EDGES:
                found.odd_edges.append(surface)
    found.documents = len(documents - {None})
    return found


def _reading_warnings(findings: dict[str, Findings]) -> Iterator[str]:
    for role, found in findings.items():
        for count, what in (
            (found.repaired, "tags of ill-formed sequences are repaired"),
            (found.misaligned, "character spans off token boundaries are widened to the tokens they touch"),
            (found.overlapping, "overlapping spans are dropped"),
            (found.cut_tokens, "tokens beyond data.max_sentence_length are cut"),
            (found.left_out, "records without a token, or declined by their annotator, are left out"),
            (found.untagged, "sentences without tags are taken for O throughout"),
        ):
            if count:
                yield f"{role}: {count:,} {what} ({_shown(found.examples)})"


def _label_warnings(figures: dict[str, SplitFigures]) -> Iterator[str]:
    train = figures.get("train")
    for role, found in figures.items():
        if train is not None and role != "train":
            for kind, own, known in (
                ("label", found.spans, train.spans),
                ("sentence label", found.sentence_labels, train.sentence_labels),
            ):
                unseen = {label: count for label, count in own.items() if label not in known}
                if unseen:
                    yield (
                        f"{role}: {sum(unseen.values()):,} with a {kind} that training lacks ({_shown(sorted(unseen))})"
                    )
                missing = sorted(set(known) - set(own))
                if missing and own:
                    yield f"{role}: {len(missing)} of training's {kind}s do not occur ({_shown(missing)})"
        if not found.spans and not found.sentence_labels:
            yield f"{role}: no labelled span"
        conflicting = [surface for surface, labels in found.surfaces.items() if len(labels) > 1]
        if conflicting:
            yield f"{role}: {len(conflicting):,} texts are labelled in more than one way ({_shown(conflicting)})"
        if found.odd_edges:
            yield f"{role}: {len(found.odd_edges):,} spans begin or end with punctuation ({_shown(found.odd_edges)})"
    if train is not None:
        few = [f"{label} {count}" for label, count in train.spans.items() if count < FEW]
        if few:
            yield f"train: {len(few)} labels have fewer than {FEW} spans ({_shown(few)})"


def _duplicate_warnings(figures: dict[str, SplitFigures]) -> Iterator[str]:
    roles = list(figures)
    for role, found in figures.items():
        repeated = [text for text, count in found.texts.items() if count > 1]
        extra = sum(found.texts[text] - 1 for text in repeated)
        if extra:
            yield f"{role}: {extra:,} sentences repeat an earlier one ({_shown(repeated)})"
    for index, role in enumerate(roles):
        for other in roles[index + 1 :]:
            shared = [text for text in figures[other].texts if text in figures[role].texts]
            count = sum(figures[other].texts[text] for text in shared)
            if count:
                yield f"{other}: {count:,} sentences stand in {role} too ({_shown(shared)})"


def _text_warnings(figures: dict[str, SplitFigures]) -> Iterator[str]:
    for role, found in figures.items():
        odd: dict[str, list[str]] = defaultdict(list)
        counts: Counter[str] = Counter()
        for token, count in found.tokens.items():
            for kind in _oddities(token):
                odd[kind].append(token)
                counts[kind] += count
        for kind, tokens in odd.items():
            yield f"{role}: {counts[kind]:,} tokens with {kind} ({_shown([ascii(token) for token in tokens])})"
        longest = max(found.lengths, default=0)
        if longest > 250:
            yield f"{role}: {sum(length > 250 for length in found.lengths):,} sentences of over 250 tokens"


def _oddities(token: str) -> set[str]:
    if token.isascii() and token.isprintable() and " " not in token:
        return set()
    kinds = {
        f"{_CATEGORIES[category]} characters"
        for char in token
        if (category := unicodedata.category(char)) in _CATEGORIES
    }
    if "\ufffd" in token:
        kinds.add("the replacement character, so text was decoded wrongly before")
    if any(char.isspace() for char in token):
        kinds.add("white space inside")
    if not unicodedata.is_normalized("NFC", token):
        kinds.add("decomposed characters (not NFC)")
    return kinds


def _shown(examples: list[str] | tuple[str, ...]) -> str:
    clipped = [example if len(example) <= 60 else example[:57] + "…" for example in examples[:_SHOWN]]
    return "e.g. " + "; ".join(clipped)


def format_check(report: CheckReport) -> str:
    """The report for people."""
    lines = []
    train = report.figures.get("train")
    for role, found in report.figures.items():
        scheme = report.findings[role].scheme
        lengths = np.array(found.lengths or [0])
        lines += [
            f"{role}: {report.findings[role].source}" + (f" ({scheme})" if scheme else ""),
            f"  {found.sentences:,} sentences, {sum(found.lengths):,} tokens, {found.documents:,} documents, "
            f"{found.spans.total():,} spans; {found.without_span:,} sentences without one",
            f"  tokens a sentence: {lengths.min()} to {lengths.max()}, median {np.median(lengths):.0f}, "
            f"mean {lengths.mean():.1f}, 95 % up to {np.percentile(lengths, 95):.0f}",
        ]
        if train is not None and role != "train":
            total = found.tokens.total()
            unknown = sum(count for token, count in found.tokens.items() if token not in train.tokens)
            spans = sum(sum(labels.values()) for labels in found.surfaces.values())
            new = sum(sum(labels.values()) for text, labels in found.surfaces.items() if text not in train.surfaces)
            lines.append(
                f"  unknown to training: {unknown / max(1, total):.1%} of tokens, {new / max(1, spans):.1%} of spans"
            )
        for what, counts in (("spans", found.spans), ("sentence labels", found.sentence_labels)):
            if counts:
                lines.append(f"  {what}: " + ", ".join(f"{label} {count:,}" for label, count in counts.most_common()))
    lines += [f"warning: {warning}" for warning in report.warnings]
    lines.append(f"{len(report.warnings)} warnings; nothing that would stop training")
    return "\n".join(lines)
