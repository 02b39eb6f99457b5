"""The console script: `seqtag COMMAND …` is `python -m seqtag.COMMAND …`."""

import importlib
import sys

import seqtag

COMMANDS = {
    "train": "train a tagger and leave a run folder with the model and its report",
    "search": "try settings and say which did best (needs Optuna)",
    "evaluate": "score a saved model on data",
    "tag": "tag and label texts with a saved model",
    "compare": "say whether the difference between two runs is real",
    "check": "say what is in a data set and what is wrong with it",
}


def main() -> None:
    """Run the command that the first argument names."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("-h", "--help"):
        print("usage: seqtag COMMAND [--help] ...\n")
        print("\n".join(f"  {command:<10}{text}" for command, text in COMMANDS.items()))
    elif name == "--version":
        print(seqtag.__version__)
    elif name in COMMANDS:
        from seqtag.running import run

        command = importlib.import_module(f"seqtag.{name}")
        run(lambda: command.main(sys.argv[2:]))
    else:
        print(f"seqtag: unknown command {name!r}; it is one of {', '.join(COMMANDS)}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
