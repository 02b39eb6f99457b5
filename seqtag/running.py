"""How a command runs and ends: signals, exit codes, and one line for what went wrong.

Exit codes: 0 done; 2 what the user gave is wrong; 1 anything else; 130 and 143 after SIGINT and SIGTERM. Whatever goes
wrong is one line on stderr; set SEQTAG_TRACEBACK to see where it came from.
"""

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from seqtag.errors import InputError

_KNOCKS = (0.05, 0.5, 2.0)
"""Seconds after a signal at which a call that waits is interrupted."""
_REPEAT_AFTER = 5.0
"""Seconds after which a signal that has not ended the process is sent again."""
_repeats: list[threading.Timer] = []


def run(main: Callable[[], int]) -> NoReturn:
    """Run a command and leave with its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    _wake_for_signals()
    try:
        code = main()
        sys.stdout.flush()
    except InputError as error:
        code = _complain(error, 2)
    except KeyboardInterrupt:
        code = _complain("interrupted", 130)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if error.code is None else _complain(error, 1)
    except BrokenPipeError:
        _drop_output()
        code = 1
    except OSError as error:
        place = f": {error.filename}" if error.filename is not None else ""
        code = _complain(f"{error.strerror}{place}" if error.strerror else error, 1)
        _drop_output_if_broken()
    except BaseException as error:
        own = getattr(error, "exit_code", None)
        code = _complain(error, own) if own is not None else _complain(f"{type(error).__name__}: {error}", 1)
    _stop_arrived()
    sys.exit(code)


def _drop_output() -> None:
    """Send what is still to be printed nowhere, so that the interpreter does not stumble over it when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _drop_output_if_broken() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()


class Terminated(BaseException):
    """SIGTERM came while nothing was there to finish first."""

    exit_code = 143


def _wake_for_signals() -> None:
    """Have the main thread look for signals, even where it has just begun to wait for input.

    Python acts on a signal between two instructions, or when a system call is interrupted. One that comes right before
    the call, or to another thread, does neither, and would wait as long as the input does. A thread that learns of it
    at once therefore interrupts the call, by a signal that means nothing.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.signal(signal.SIGURG, lambda number, frame: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    main_thread = threading.main_thread().ident
    assert main_thread is not None

    def knock() -> None:
        while True:
            if os.read(reading, 1)[0] == signal.SIGURG:
                continue
            for pause in _KNOCKS:
                time.sleep(pause)
                signal.pthread_kill(main_thread, signal.SIGURG)

    threading.Thread(target=knock, daemon=True).start()


def _stop(number: int, frame: FrameType | None) -> None:
    """Raise, and again after a while if the process is still there.

    An exception that is raised in a callback of the garbage collector is dropped.
    """
    main_thread = threading.main_thread().ident
    assert main_thread is not None
    timer = threading.Timer(_REPEAT_AFTER, signal.pthread_kill, (main_thread, number))
    timer.daemon = True
    _repeats.append(timer)
    timer.start()
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated("terminated")


def _stop_arrived() -> None:
    for timer in _repeats:
        timer.cancel()


def _complain(error: object, code: int) -> int:
    if os.environ.get("SEQTAG_TRACEBACK"):
        traceback.print_exc()
    print(f"seqtag: {' '.join(str(error).split())}", file=sys.stderr)
    return code
