"""Reports say how they were scored, and what the scores were used for."""

import json
from pathlib import Path
from typing import Any

import pytest

from seqtag.decoding.outputs import ScoredSpan
from seqtag.evaluation.calibration import calibrate_spans
from seqtag.evaluation.reports import format_report, show_tagged, write_report
from seqtag.evaluation.scores import score_tags
from seqtag.evaluation.span_errors import analyse_errors
from seqtag.evaluation.targets import score_targets


@pytest.fixture
def report() -> dict[str, Any]:
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["B-fromloc.city_name", "O"]]
    predicted = [["B-PER", "I-PER", "O", "O"], ["O", "O"]]
    validation = score_tags(gold, predicted, ["PER", "LOC"], repaired=2, bootstrap_samples=10)
    validation["targets"] = score_targets(gold, predicted)
    validation["calibration"] = calibrate_spans(gold, [[ScoredSpan("PER", 0, 2, 0.75)], []])
    validation["errors"] = analyse_errors(gold, predicted, gold, frozenset())
    test = {**score_tags([["O"]], [["O"]], [], bootstrap_samples=10), "calibration": calibrate_spans([["O"]], [[]])}
    test["errors"] = analyse_errors([["O"]], [["O"]], [["w"]], frozenset())
    test["targets"] = score_targets([["O"]], [["O"]])
    return {
        "task": "ner",
        "seed": 1,
        "splits": {
            "validation": {**validation, "used_for_selection": True},
            "test": {**test, "used_for_selection": False},
        },
    }


def test_a_report_survives_json(report: dict[str, Any], tmp_path: Path) -> None:
    write_report(report, tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == report
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_the_suffix_chooses_the_text_for_people(report: dict[str, Any], tmp_path: Path) -> None:
    write_report(report, tmp_path / "report.txt")
    assert (tmp_path / "report.txt").read_text(encoding="utf-8") == format_report(report)


def test_the_text_names_scoring_interval_and_use(report: dict[str, Any]) -> None:
    text = format_report(report)
    validation, _, test = text.partition("\ntest:")
    assert validation.startswith("validation, used for model selection: 2 sentences, 6 tokens, 3 spans\n")
    assert "model selection" not in test
    assert f"F1 {0.5:.4f}, 95 % interval" in validation
    assert "scoring: strict, seqeval, IOB2" in validation
    assert "lenient (conlleval): precision 1.0000, recall 0.3333, F1 0.5000; token accuracy 0.6667" in validation
    assert "expected calibration error of entity scores: 0.2500 over 1" in validation
    assert "calibration" not in test
    assert "2 ill-formed gold tags were repaired" in validation
    assert "1 gold spans have labels unknown to the model and count as misses" in validation


def test_the_columns_of_the_table_line_up(report: dict[str, Any]) -> None:
    lines = format_report(report).splitlines()
    start = lines.index("") + 1
    header, *rows = lines[start : lines.index("", start)]
    assert len(rows) == 4
    assert {len(row) for row in rows} == {len(header)}
    assert [row.split()[0] for row in rows] == ["LOC", "PER", "fromloc.city_name", "all"]


def test_spans_are_shown_in_brackets() -> None:
    tokens = ["Ada", "Lovelace", "met", "Babbage"]
    assert show_tagged(tokens, ["B-PER", "I-PER", "O", "B-PER"]) == "[Ada Lovelace PER] met [Babbage PER]"
