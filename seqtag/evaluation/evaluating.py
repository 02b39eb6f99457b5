"""One part of a corpus, predicted and scored: the same for a run's end and for a saved model."""

from typing import Any, NamedTuple

from seqtag.data.decoding import TaggedSentence
from seqtag.data.schema import Findings
from seqtag.data.split import Split
from seqtag.evaluation.calibration import calibration
from seqtag.evaluation.prediction import Predictor
from seqtag.evaluation.reports import SELECTION
from seqtag.evaluation.scores import score_tags


class Evaluated(NamedTuple):
    """Predictions for a part and what they are worth."""

    predicted: list[TaggedSentence]
    """The tagging of each sentence."""
    scores: dict[str, Any]
    """The part's entry in `report.json`."""


def evaluate_split(
    predictor: Predictor,
    params: Any,
    constants: Any,
    split: Split,
    role: str,
    findings: Findings,
    bootstrap_samples: int = 1000,
) -> Evaluated:
    """Predict every sentence of a part and score the predictions."""
    predicted = predictor.predict(params, constants, split)
    gold = split[range(len(split))].tags
    scores = score_tags(
        gold,
        [sentence.tags for sentence in predicted],
        predictor.table.vocabulary.labels,
        repaired=findings.repaired,
        bootstrap_samples=bootstrap_samples,
    )
    scores["calibration"] = calibration(gold, [sentence.spans for sentence in predicted])
    return Evaluated(predicted, {**scores, "used_for_selection": role == SELECTION})
