"""Whether one model is better than another on the same sentences: differences, their intervals and p-values.

Sentences are resampled in pairs: each resample takes the same sentences of both sides. The interval is the percentile
interval (Efron and Tibshirani 1993, chapter 13). The p-value is two-sided: how often the difference of a resample is as
far from the observed one as the observed one is from zero (Berg-Kirkpatrick et al. 2012, section 3). A side may have
several runs, of several seeds; its score is then their mean. What varies from seed to seed is in neither figure.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from seqtag.errors import InputError
from seqtag.evaluation.prediction_files import Judged
from seqtag.evaluation.reports import show_tagged
from seqtag.evaluation.scores import count_spans, f1_of, resamples

Side = Sequence[Sequence[Judged]]
"""The sentences of each run."""


class _Measure(NamedTuple):
    """A score that is made of sums over sentences."""

    tables: tuple[Float[np.ndarray, "runs sentences counts"], Float[np.ndarray, "runs sentences counts"]]
    """What is counted in each sentence, of each side."""
    value: Callable[..., Any]
    """The score, from the sums."""

    def of(self, side: int, times: Float[np.ndarray, "draws sentences"]) -> Float[np.ndarray, " draws"]:
        """The mean score of a side's runs where sentences count so many times."""
        return np.mean([self.value(*(times @ table).T) for table in self.tables[side]], axis=0)


def check_same_sentences(a: Side, b: Side) -> None:
    """Raise InputError where runs were not scored on the same sentences with the same gold."""
    first = a[0]
    for run in (*a[1:], *b):
        if len(run) != len(first):
            raise InputError(
                f"the runs were not scored on the same data: one has {len(first):,} sentences, another {len(run):,}"
            )
        for number, (own, other) in enumerate(zip(first, run, strict=True), 1):
            if (own.tokens, own.gold, own.gold_labels) != (other.tokens, other.gold, other.gold_labels):
                raise InputError(
                    f"the runs were not scored on the same data: sentence {number:,} has other tokens or gold tags or "
                    "labels"
                )
            if (own.predicted is None, own.predicted_labels is None) != (
                other.predicted is None,
                other.predicted_labels is None,
            ):
                raise InputError("the runs are of different tasks: one gives tags or labels that another does not")


def compare(a: Side, b: Side, samples: int, shown: int, seed: int = 0) -> dict[str, Any]:
    """What `seqtag compare` reports; differences are b less a.

    Args:
        a: runs of one model.
        b: runs of another, on the same sentences.
        samples: resamples behind intervals and p-values.
        shown: the sentences to list, those whose numbers of errors differ most.
        seed: of the resampling.

    Raises InputError where the sentences differ or there are none.
    """
    check_same_sentences(a, b)
    if not a[0]:
        raise InputError("the runs were scored on no sentence: there is nothing to compare")
    measures, of_labels = _measures(a, b)
    found = _differences({**measures, **of_labels}, len(a[0]), samples, seed)
    return {
        "sentences": len(a[0]),
        "identical_predictions": [list(run) for run in a] == [list(run) for run in b],
        "measures": {str(name): found[name] for name in measures},
        "per_label": {label: found[name] for name in of_labels for label in name},
        "bootstrap_samples": samples,
        "differing": _differing(a, b, shown),
    }


_Name = str | tuple[str]
"""Of a measure; of one label's spans where it stands in a tuple."""


def _measures(a: Side, b: Side) -> tuple[dict[_Name, _Measure], dict[_Name, _Measure]]:
    """Those of all labels, and the F1 of each label of spans."""
    measures: dict[_Name, _Measure] = {}
    of_labels: dict[_Name, _Measure] = {}
    first = a[0][0]

    def tabulated(count: Callable[[Sequence[Judged]], np.ndarray]) -> Any:
        return tuple(np.stack([count(run) for run in side]).astype(np.float64) for side in (a, b))

    if first.predicted is not None:
        measures["f1"] = _Measure(tabulated(_spans), f1_of)
        labels = {tag[2:] for one in a[0] for tag in one.gold or () if tag != "O"}
        for label in sorted(labels):
            of_labels[label,] = _Measure(tabulated(lambda run, label=label: _spans(run, label)), f1_of)
    if first.predicted_labels is not None:
        measures["label_accuracy"] = _Measure(
            tabulated(lambda run: _rights(run, lambda one: not one.has_wrong_labels)), _share
        )
    if first.predicted is not None and first.predicted_labels is not None:
        measures["sentence_accuracy"] = _Measure(tabulated(lambda run: _rights(run, _is_wholly_right)), _share)
    return measures, of_labels


def _differences(
    measures: dict[_Name, _Measure], sentences: int, samples: int, seed: int
) -> dict[_Name, dict[str, Any]]:
    drawn: dict[_Name, list[np.ndarray]] = {name: [] for name in measures}
    for times in resamples(sentences, samples, seed):
        for name, measure in measures.items():
            drawn[name].append(measure.of(1, times) - measure.of(0, times))
    found = {}
    for name, measure in measures.items():
        (own,), (other,) = (measure.of(side, np.ones((1, sentences))) for side in (0, 1))
        differences, observed = np.concatenate(drawn[name]), float(other - own)
        low, high = np.percentile(differences, [2.5, 97.5])
        # A hair's breadth of slack: where the difference is one sentence's, equal ones must count as equal.
        as_far = np.abs(differences - observed) >= abs(observed) - 1e-12
        found[name] = {
            "a": float(own),
            "b": float(other),
            "difference": observed,
            "ci95": [float(low), float(high)],
            "p_value": float((1 + as_far.sum()) / (1 + samples)),
        }
    return found


def _spans(run: Sequence[Judged], label: str | None = None) -> np.ndarray:
    """Spans in both, predicted and gold of each sentence, of all labels or one: `[sentences, 3]`."""

    def of_label(tags: Sequence[str] | None) -> list[str]:
        return [tag if label is None or tag[2:] == label else "O" for tag in tags or ()]

    return np.stack(count_spans([of_label(one.gold) for one in run], [of_label(one.predicted) for one in run]), axis=1)


def _rights(run: Sequence[Judged], is_right: Callable[[Judged], bool]) -> np.ndarray:
    """Whether each sentence is right, and whether its labels are known: `[sentences, 2]`."""
    return np.array([(one.gold_labels is not None and is_right(one), one.gold_labels is not None) for one in run])


def _is_wholly_right(one: Judged) -> bool:
    return not one.has_wrong_labels and one.gold == one.predicted


def _share(right: Any, known: Any) -> Any:
    return right / np.maximum(known, 1)


def _differing(a: Side, b: Side, shown: int) -> list[dict[str, Any]]:
    """The sentences whose errors differ most, with what the first run of each side says of them."""
    errors = np.stack([np.mean([_errors(run) for run in side], axis=0) for side in (a, b)])
    difference = np.abs(errors[1] - errors[0])
    order = np.argsort(-difference, kind="stable")[:shown]
    return [
        {
            "sentence": int(index) + 1,
            "errors": errors[:, index].tolist(),
            "gold": _shown(a[0][index], a[0][index].gold, a[0][index].gold_labels),
            "a": _shown(a[0][index], a[0][index].predicted, a[0][index].predicted_labels),
            "b": _shown(b[0][index], b[0][index].predicted, b[0][index].predicted_labels),
        }
        for index in order
        if difference[index] > 0
    ]


def _errors(run: Sequence[Judged]) -> np.ndarray:
    """Missed and spurious spans and wrong labels of each sentence."""
    errors = np.zeros(len(run))
    if run[0].predicted is not None:
        correct, predicted, gold = _spans(run).T
        errors += predicted + gold - 2 * correct
    if run[0].predicted_labels is not None:
        errors += [one.has_wrong_labels for one in run]
    return errors


def _shown(one: Judged, tags: list[str] | None, labels: list[str] | None) -> str:
    text = " ".join(one.tokens) if tags is None else show_tagged(one.tokens, tags)
    return text if labels is None else f"{text}  ({', '.join(labels) or 'no label'})"


def format_comparison(comparison: dict[str, Any]) -> str:
    """The same for people."""
    part, (first, second) = comparison["split"], comparison["runs"]
    selected = ", used for model selection" if comparison["used_for_selection"] else ""
    lines = [f"A: {first}", f"B: {second}", f"{part}{selected}: {comparison['sentences']:,} sentences", ""]
    rows = [*comparison["measures"].items(), *comparison["per_label"].items()]
    width = max(len(name) for name, _ in rows)
    lines.append(f"{'':<{width}}       A       B    B - A   95 % interval        p")
    for name, row in rows:
        low, high = row["ci95"]
        lines.append(
            f"{name:<{width}}  {row['a']:.4f}  {row['b']:.4f}  {row['difference']:+.4f}  {low:+.4f} {high:+.4f}"
            f"  {row['p_value']:.4f}"
        )
    told = f"Paired bootstrap over sentences, {comparison['bootstrap_samples']:,} resamples, two-sided p"
    lines += ["", f"{told}{'; not corrected for the number of labels' if comparison['per_label'] else ''}."]
    if comparison["identical_predictions"]:
        lines.append("The predictions are identical.")
    if comparison["identical_models"]:
        lines.append("The models are byte-identical.")
    for one in comparison["differing"]:
        of_a, of_b = one["errors"]
        lines += ["", f"sentence {one['sentence']:,}: errors A {of_a:.3g}, B {of_b:.3g}"]
        lines += [f"  gold  {one['gold']}", f"  A     {one['a']}", f"  B     {one['b']}"]
    return "\n".join(lines) + "\n"
