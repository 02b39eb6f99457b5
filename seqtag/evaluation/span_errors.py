"""What kinds of errors a tagger makes: spans of gold and prediction matched, sorted and counted.

Within a sentence equal spans are matched first, then those that share most tokens, each at most once. A pair is

- `correct`: same tokens, same label;
- `label`: same tokens, another label;
- `boundary`: some tokens in common, same label;
- `boundary_and_label`: some tokens in common, another label.

Gold spans without a partner are `missed`, predicted ones `spurious`. Precision and recall after each of the four ways
of SemEval-2013 task 9.1 (Segura-Bedmar et al. 2013, section 4), which nervaluate uses too, follow from the counts.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from seqtag.schemes import Span, tags_to_spans

KINDS = ("label", "boundary", "boundary_and_label", "missed", "spurious")
LENGTHS = (5, 10, 15, 20, 30, 40, 60)
"""Upper ends, in tokens, of the ranges of sentence lengths; the last range has none."""
NONE = "(none)"
"""The place of missed and spurious spans in the confusion matrix, beside the labels."""


class Match(NamedTuple):
    """A gold span and its partner; None for what has none."""

    gold: Span | None
    predicted: Span | None

    @property
    def kind(self) -> str:
        """`correct` or one of KINDS."""
        if self.gold is None:
            return "spurious"
        if self.predicted is None:
            return "missed"
        same_place = self.gold[1:] == self.predicted[1:]
        if self.gold.label == self.predicted.label:
            return "correct" if same_place else "boundary"
        return "label" if same_place else "boundary_and_label"


def match_spans(gold: Sequence[str], predicted: Sequence[str]) -> list[Match]:
    """The matches of a sentence, from its tags in any scheme, in order of place."""
    of_gold, of_predicted = tags_to_spans(gold), tags_to_spans(predicted)
    pairs = sorted(_overlapping(of_gold, of_predicted), key=lambda pair: pair[0])
    matches, taken_gold, taken_predicted = [], set(), set()
    for _, own, other in pairs:
        if own not in taken_gold and other not in taken_predicted:
            taken_gold.add(own)
            taken_predicted.add(other)
            matches.append(Match(own, other))
    matches += [Match(span, None) for span in of_gold if span not in taken_gold]
    matches += [Match(None, span) for span in of_predicted if span not in taken_predicted]
    return sorted(matches, key=lambda match: (match.gold or match.predicted or Span("", 0, 0)).start)


def _overlapping(gold: Sequence[Span], predicted: Sequence[Span]) -> Iterator[tuple[tuple, Span, Span]]:
    """Pairs that share tokens, with what they are sorted by: equal places, most tokens in common, same label, place."""
    first = 0
    for own in gold:
        while first < len(predicted) and predicted[first].end <= own.start:
            first += 1
        for other in predicted[first:]:
            if other.start >= own.end:
                break
            common = min(own.end, other.end) - max(own.start, other.start)
            yield (own[1:] != other[1:], -common, own.label != other.label, own.start, other.start), own, other


def analyse_errors(
    gold: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    tokens: Sequence[Sequence[str]],
    seen: frozenset[tuple[str, str]] | None,
) -> dict[str, Any]:
    """The `errors` of one split of `report.json`.

    Args:
        gold: tags of each sentence.
        predicted: the same, of the model.
        tokens: of each sentence.
        seen: texts of the training part's spans, tokens joined by spaces, with their labels; None where not known.

    Returns `kinds`, how many there are of each; `confusion`, counts by gold and predicted label or `(none)`;
    `matching`, precision, recall and F1 after each of the four ways; `by_length`, counts and F1 of sentences by their
    length; `seen` and `unseen`, where known, the recall of gold spans that the training part has, text and label, or
    has not.
    """
    kinds: Counter[str] = Counter()
    confusion: dict[str, Counter[str]] = {}
    lengths: dict[int, Counter[str]] = {}
    recalled = {True: Counter[bool](), False: Counter[bool]()}
    for own_gold, own_predicted, own_tokens in zip(gold, predicted, tokens, strict=True):
        of_length = lengths.setdefault(_range_of(len(own_tokens)), Counter())
        of_length["sentences"] += 1
        for match in match_spans(own_gold, own_predicted):
            kinds[match.kind] += 1
            row, column = match.gold.label if match.gold else NONE, match.predicted.label if match.predicted else NONE
            confusion.setdefault(row, Counter())[column] += 1
            of_length["correct"] += match.kind == "correct"
            of_length["gold"] += match.gold is not None
            of_length["predicted"] += match.predicted is not None
            if match.gold is not None and seen is not None:
                text = " ".join(own_tokens[match.gold.start : match.gold.end])
                recalled[(text, match.gold.label) in seen][match.kind == "correct"] += 1
    return {
        "kinds": {kind: kinds[kind] for kind in ("correct", *KINDS)},
        "confusion": {row: dict(sorted(columns.items())) for row, columns in sorted(confusion.items())},
        "matching": _matching(kinds),
        "by_length": [_of_length(index, counts) for index, counts in sorted(lengths.items())],
        **({} if seen is None else {"seen": _recall(recalled[True]), "unseen": _recall(recalled[False])}),
    }


def span_texts(tags: Sequence[str], tokens: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Text, tokens joined by spaces, and label of each span of a sentence."""
    return ((" ".join(tokens[span.start : span.end]), span.label) for span in tags_to_spans(tags))


def _matching(kinds: Counter[str]) -> dict[str, dict[str, float]]:
    paired = kinds["correct"] + kinds["label"] + kinds["boundary"] + kinds["boundary_and_label"]
    gold, predicted = paired + kinds["missed"], paired + kinds["spurious"]
    same_place = kinds["correct"] + kinds["label"]
    found = {
        "strict": kinds["correct"],
        "exact": same_place,
        "partial": same_place + 0.5 * (kinds["boundary"] + kinds["boundary_and_label"]),
        "type": kinds["correct"] + kinds["boundary"],
    }
    return {
        way: {
            "precision": count / max(1, predicted),
            "recall": count / max(1, gold),
            "f1": 2 * count / max(1, gold + predicted),
        }
        for way, count in found.items()
    }


def _range_of(length: int) -> int:
    return sum(length > end for end in LENGTHS)


def _of_length(index: int, counts: Counter[str]) -> dict[str, Any]:
    spans = counts["gold"] + counts["predicted"]
    return {
        "from": LENGTHS[index - 1] + 1 if index else 1,
        "to": LENGTHS[index] if index < len(LENGTHS) else None,
        "sentences": counts["sentences"],
        "entities": counts["gold"],
        "f1": 2 * counts["correct"] / spans if spans else None,
    }


def _recall(counts: Counter[bool]) -> dict[str, Any]:
    total = counts[True] + counts[False]
    return {"entities": total, "recall": counts[True] / total if total else None}
