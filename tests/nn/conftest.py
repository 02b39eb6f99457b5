"""Layers beside what they are to equal."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def _compiled_plainly(compiled_plainly: None) -> None:
    """All of these tests."""
