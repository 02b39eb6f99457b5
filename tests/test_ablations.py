"""The table of ablations: through the real commands, on a tiny corpus."""

import sys
from pathlib import Path

import ablations
import pytest
import yaml
from corpora import sentences, write_conll

from seqtag.errors import InputError


def test_changes_are_read_after_the_unchanged_run(tmp_path: Path) -> None:
    path = tmp_path / "changes.yaml"
    path.write_text("no CRF: {model.head: softmax}\nGRU: {model.encoder: gru}\n")
    assert ablations.read_changes(path, ["GRU"]) == {ablations.BASE: {}, "GRU": {"model.encoder": "gru"}}
    with pytest.raises(InputError, match=r"--only 'LSTM': not in .*, which has no CRF, GRU"):
        ablations.read_changes(path, ["LSTM"])
    path.write_text("no CRF: softmax\n")
    with pytest.raises(InputError, match="must hold a name a line"):
        ablations.read_changes(path, None)


def test_every_change_of_the_project_changes_its_configuration() -> None:
    from seqtag.command_line import make_parser, parse_config

    folder = Path(ablations.__file__).with_suffix("")
    for path in folder.glob("*.yaml"):
        own = ["--config", str(folder.parents[1] / "configs" / path.name)]
        changes = ablations.read_changes(path, None)
        flags = [[f"--{name}={ablations.written(value)}" for name, value in one.items()] for one in changes.values()]
        configs = [parse_config(make_parser("seqtag train", ""), [*own, *more])[0] for more in flags]
        assert len(set(map(repr, configs))) == len(changes) > 1


@pytest.mark.slow
def test_a_table_of_two_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, seed in (("train.txt", 0), ("valid.txt", 1)):
        write_conll(tmp_path / name, sentences(40, seed))
    config, changes = tmp_path / "config.yaml", tmp_path / "changes.yaml"
    data = {"format": "conll", "path": str(tmp_path), "train": "train.txt", "validation": "valid.txt", "test": None}
    model = {"hidden_size": 8, "word_dim": 8, "char_encoder": "none"}
    config.write_text(yaml.safe_dump({"data": data, "model": model, "training": {"epochs": 1}}))
    changes.write_text("no CRF: {model.head: softmax}\n")
    given = ["--changes", str(changes), "--config", str(config), "--seeds", "1,2", "--output", str(tmp_path / "runs")]
    monkeypatch.setattr(sys, "argv", ["ablations.py", *given, "--training.learning_rate", "0.01"])
    tables = []
    for _ in range(2):  # the second time nothing is trained
        ablations.main()
        tables.append(capsys.readouterr().out)
    assert tables[0] == tables[1] == (tmp_path / "runs" / "ablations.md").read_text()
    base, changed = tables[0].splitlines()[-2:]
    assert base.startswith("| as it is |  | 0.")
    assert "| `model.head softmax` | 0." in changed
    assert " to " in changed
    saved = yaml.safe_load((tmp_path / "runs" / "no-CRF" / "seed-2" / "config.yaml").read_text())
    assert (saved["model"]["head"], saved["training"]["learning_rate"]) == ("softmax", 0.01)
