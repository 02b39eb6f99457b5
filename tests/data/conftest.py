"""Small corpora, written by each test."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqtag.config import DataConfig

Write = Callable[..., DataConfig]


@pytest.fixture
def conll(tmp_path: Path) -> Write:
    """Write `train.txt` (text or bytes) and return the settings that read it alone."""

    def write(train: str | bytes, **settings: Any) -> DataConfig:
        (tmp_path / "train.txt").write_bytes(train.encode() if isinstance(train, str) else train)
        return _config("conll", tmp_path, settings)

    return write


@pytest.fixture
def jsonl(tmp_path: Path) -> Write:
    """Write `train.jsonl` and return the settings that read it alone."""

    def write(train: str, **settings: Any) -> DataConfig:
        (tmp_path / "train.jsonl").write_text(train, encoding="utf-8")
        return _config("jsonl", tmp_path, settings)

    return write


def _config(data_format: Any, path: Path, settings: dict[str, Any]) -> DataConfig:
    return DataConfig(format=data_format, path=str(path), **{"validation": None, "test": None, **settings})
