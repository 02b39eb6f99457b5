"""`python -m seqtag.train`: train a tagger and leave a run folder with the model and its report."""

import argparse
import sys
from pathlib import Path

from seqtag import command_line
from seqtag.config import Config


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("--output", metavar="DIR", help="run folder (default: runs/NAME-DATE-TIME)")
    options.add_argument("--resume", action="store_true", help="go on with the run in --output")
    config, chosen = command_line.parse(argv, "seqtag train", options)
    return train(config, chosen)


if __name__ == "__main__":
    command_line.run(main)
