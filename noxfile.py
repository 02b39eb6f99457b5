"""Tests on both ends of what is supported: `nox`, before a release. The gate itself is `.ci/run`."""

import nox

nox.options.default_venv_backend = "venv"


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """All tests, the slow ones too: Python 3.11 with JAX 0.10, later ones with the newest JAX that resolves."""
    session.install("-e", ".[dev]", *(["jax==0.10.*"] if session.python == "3.11" else []))
    session.run("python", "-c", "import jax, flax; print('jax', jax.__version__, 'flax', flax.__version__)")
    session.run("python", "-m", "pytest", "-m", "slow or not slow", *session.posargs)
