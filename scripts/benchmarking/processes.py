"""Processes of the benchmark: one for each measure, so that its memory and its start are its own."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

SCRIPTS = Path(__file__).resolve().parent.parent
PEERS = SCRIPTS / "peers"


class ProcessError(Exception):
    """A process that did not end well; says why in its own last lines."""


class Done(NamedTuple):
    """A process that ended well."""

    output: str
    seconds: float
    """Wall time from start to end."""
    peak_memory_bytes: int

    @property
    def result(self) -> dict[str, Any]:
        """The JSON object of its last line."""
        return json.loads(self.output.strip().splitlines()[-1])


def run(command: Sequence[str], environment: Mapping[str, str] | None = None, text: str = "") -> Done:
    """Run a command to its end, `text` on its standard input. Raises ProcessError."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as given:
        given.write(text.encode())
        given.seek(0)
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=given,
            stdout=output,
            stderr=errors,
            env={**os.environ, **(environment or {})},
            cwd=SCRIPTS,
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.terminate()
            raise
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            lines = errors.read().decode(errors="replace").strip().splitlines()
            raise ProcessError(" ".join(lines[-1:]) or f"exit code {process.returncode}")
        output.seek(0)
        unit = 1 if sys.platform == "darwin" else 1024
        return Done(output.read().decode(), seconds, usage.ru_maxrss * unit)


def run_worker(module: str, task: str, *arguments: object, device: str = "cpu") -> dict[str, Any]:
    """A task of a worker here, which has seqtag at hand; its result, with the peak of its memory."""
    command = [sys.executable, "-m", f"benchmarking.{module}", task, *map(str, arguments)]
    done = run(command, {"JAX_PLATFORMS": "cpu"} if device == "cpu" else None)
    return {"peak_memory_bytes": done.peak_memory_bytes} | done.result
