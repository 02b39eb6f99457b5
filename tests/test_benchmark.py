"""The benchmark: its arithmetic and tables, and a whole short run."""

import io
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarking import tables
from benchmarking.contestants import CONTESTANTS
from benchmarking.cost import Sizes, core_hours, flops_per_token, share_of_peak
from benchmarking.parts import sizes_of
from benchmarking.processes import PEERS, SCRIPTS, ProcessError, run
from benchmarking.scaling_worker import make_sentences
from benchmarking.summary import ratios, shown, slope, spread, summarize
from rich.console import Console


def test_medians_leave_out_what_was_not_measured():
    records = [{"train": 30.0, "compile": 8.0}, {"train": 10.0, "compile": None}, {"train": 20.0}]
    assert summarize(records) == {
        "train": {"median": 20.0, "min": 10.0, "max": 30.0},
        "compile": {"median": 8.0, "min": 8.0, "max": 8.0},
    }


def test_ratios_are_taken_round_by_round():
    # A machine that is three times slower in the second round changes no ratio.
    own, other = [{"raw": 30.0}, {"raw": 10.0}, {"raw": 45.0}], [{"raw": 15.0}, {"raw": 5.0}, {"raw": 15.0}]
    assert ratios(own, other) == {"raw": 2.0}
    assert ratios([{"ids": 1.0}], [{"raw": 1.0}]) == {}


def test_core_hours():
    assert core_hours(1e6, 1.0) == pytest.approx(1e12 / 1e6 / 3600)
    assert core_hours(2e6, 2.0) == pytest.approx(core_hours(1e6, 1.0))


def test_arithmetic_of_a_token():
    sizes = Sizes(word_dim=3, char_dim=2, filters=5, width=3, hidden=7, tags=4, characters=6)
    found = flops_per_token(sizes)
    assert found["chars"] == 2 * 6 * (3 * 2) * 5
    assert found["lstm"] == 2 * (2 * (3 + 5 + 7) * 4 * 7)
    assert found["emissions"] == 2 * 14 * 4
    assert found["crf"] == 2 * 4 * 4
    assert found["forward"] == sum(found[part] for part in ("chars", "lstm", "emissions", "crf"))
    assert found["training"] == 3 * found["forward"]
    assert share_of_peak(10.0, 5.0, 200.0) == 0.25


def test_tags_are_counted_in_bioes():
    assert sizes_of({"train": {"tags": 9, "characters_per_token": 4.5}}).tags == 17


@pytest.mark.parametrize("exponent", [1.0, 2.0])
def test_exponent_of_growth(exponent):
    sizes = [1e4, 1e5, 1e6]
    assert slope(sizes, [3 * size**exponent for size in sizes]) == pytest.approx(exponent)


def test_numbers_as_they_are_shown():
    assert shown(None) == "–"
    assert shown(spread([1234.4])) == "1,234"
    assert shown(spread([1.0, 2.0, 4.0]), 1) == "2.0 (1.0–4.0)"


def test_made_up_sentences_have_every_word_and_tag():
    rows = make_sentences(vocabulary=700, length=8, tags=127, tokens=100)
    assert len({word for words, _ in rows for word in words}) == 700
    assert len({tag for _, tags in rows for tag in tags}) == 127
    assert {len(words) for words, _ in rows} == {8}


def test_a_process_that_fails_says_why():
    assert run([sys.executable, "-c", "print('log'); print('{\"a\": 1}')"]).result == {"a": 1}
    with pytest.raises(ProcessError, match="no such thing"):
        run([sys.executable, "-c", "raise SystemExit('no such thing')"])


def test_every_worker_is_there():
    assert {row.worker for row in CONTESTANTS.values() if row.worker} == {
        path.stem for path in PEERS.glob("*_*.py") if "measuring.parse" in path.read_text()
    }
    assert {row.against for row in CONTESTANTS.values()} <= CONTESTANTS.keys()


def test_table_rows():
    row = {
        "summary": {
            name: spread([value])
            for name, value in {
                "train": 100.0,
                "train_memory": 5e6,
                "raw": 50.0,
                "raw_cores": 1.0,
                "tag_memory": 7e6,
            }.items()
        },
        "ratios": {"train": 1.5, "raw": 0.5},
        "core_hours_per_trillion": {"raw": core_hours(50.0, 1.0)},
        "share_of_peak": {"train": 0.25},
    }
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(tables.training({"pytorch": row}, "Training"))
    console.print(tables.tagging({"pytorch": row}, "Tagging"))
    text = console.export_text()
    assert "100 [1.50x]" in text
    assert "25 %" in text
    assert "50 [0.50x]" in text
    assert f"{1e12 / 50 / 3600:,.0f}" in text


@pytest.mark.slow
def test_a_short_run(tmp_path: Path):
    output = tmp_path / "found.json"
    command = [sys.executable, str(SCRIPTS / "benchmark.py"), "--quick", "--only", "seqtag", "crfsuite"]
    done = subprocess.run([*command, "--output", str(output)], capture_output=True, text=True, check=True)
    found = json.loads(output.read_text())["peers"]
    summary = found["batches"]["32"]["seqtag"]["summary"]
    for name in ("train", "ids", "tokens", "raw", "whole_process", "import", "short_text_ms", "compile"):
        assert summary[name]["median"] > 0
        assert math.isfinite(summary[name]["median"])
    assert "raw text in" in done.stdout
    if "crfsuite" in found["left_out"]:
        assert "left out" in done.stdout
