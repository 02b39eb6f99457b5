"""A search for settings: trials one after another, each an ordinary run, chosen and cut short by Optuna.

What Optuna decides is kept in its journal, a line a decision. What is suggested for a trial follows from the seed, the
trial's number and the trials before it, so that a search that was stopped suggests the same as one that was not.
"""

import dataclasses
import json
import shutil
import warnings
from typing import Any

import jax
import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, Trial, TrialState

from seqtag.config import Config
from seqtag.data.files import write_whole
from seqtag.data.schema import Corpus
from seqtag.data.split import Split, fingerprint
from seqtag.errors import InputError
from seqtag.nn.backends import check_backend
from seqtag.training.experiment import build_experiment
from seqtag.training.run import train
from seqtag.training.run_directory import RunDirectory
from seqtag.training.search_directory import SearchDirectory
from seqtag.training.search_report import COMPLETE, FAILED, PRUNED, best_trial, score_name, write_search
from seqtag.training.search_space import Choices, Range, Space, configured, outermost

_UNPRUNED = 5
"""Complete trials before the first may be pruned."""
_SPARED = 5
"""No trial is pruned after its first epoch, nor in the first of so many parts of its epochs."""
_RANDOM = 10
"""Trials before the sampler (TPE, Bergstra et al. 2011) learns from them."""
_DRAWS = 100
"""Suggestions drawn before the space is taken to hold no new settings."""
_LEAST_COMPLETE = 10
"""Complete trials below which importances would say nothing."""
_STATES = {TrialState.COMPLETE: COMPLETE, TrialState.PRUNED: PRUNED, TrialState.FAIL: FAILED}
_ASKED, _DATA, _REASON, _SECONDS = "asked", "data", "reason", "seconds"


class Search:
    """One search, begun or gone on with. Its folder has to be held."""

    def __init__(self, config: Config, space: Space, corpus: Corpus, folder: SearchDirectory) -> None:
        """Raises InputError where the data are not those that the search was begun with."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.config, self.space, self.corpus, self.folder = config, space, corpus, folder
        self.trial_config = without_test(config)
        self.distributions = {name: _distribution(values) for name, values in space.items()}
        epochs = config.training.epochs
        journal = str(folder.journal)
        self.study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(journal, JournalFileOpenLock(journal))),
            study_name="search",
            load_if_exists=True,
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(_UNPRUNED, n_warmup_steps=max(2, epochs // _SPARED + 1)),
        )
        known, own = (
            self.study.user_attrs.get(_DATA),
            fingerprint({str(role): Split(dataset) for role, dataset in corpus.splits.items()}),
        )
        if known is None:
            self.study.set_user_attr(_DATA, own)
        elif known != own:
            raise InputError("--resume: the training or validation data have changed since the search was started")

    def asked(self, trials: int | None, default: int) -> int:
        """How many trials there are to be: `trials`, else what was asked for before, else the default; written down.

        Raises InputError where it would become fewer.
        """
        before = self.study.user_attrs.get(_ASKED)
        asked = trials or before or default
        if before is not None and asked < before:
            raise InputError(f"--trials: {before} were asked for before, and cannot become fewer ({asked})")
        if asked != before:
            self.study.set_user_attr(_ASKED, asked)
        return asked

    def run(self, trials: int) -> str:
        """Run trials until there are so many, and return what was found as text.

        Raises what training raises, a loss that is not finite or too little memory aside: such a trial has failed, and
        the search goes on. A trial cut short otherwise goes on when the search does.
        """
        text = self._write()
        while trial := self._next(trials):
            self._try(trial)
            text = self._write()
        return text

    def _next(self, trials: int) -> Trial | None:
        """The trial that was begun, or a new one; None where there are enough, or nothing new is left to try."""
        all_trials = self.study.trials
        begun = [trial for trial in all_trials if trial.state == TrialState.RUNNING]
        if not begun:
            if len(all_trials) >= trials:
                return None
            settings = suggest(all_trials, self.distributions, self.config.training.seed)
            if settings is None:
                print(f"the space holds no other settings than the {len(all_trials)} tried", flush=True)
                return None
            # In one line of the journal, so that a trial is begun with all its settings or not at all.
            self.study.add_trial(
                optuna.create_trial(state=TrialState.RUNNING, params=settings, distributions=self.distributions)
            )
            begun = [self.study.trials[-1]]
        return Trial(self.study, begun[0]._trial_id)

    def _try(self, trial: Trial) -> None:
        run = self.folder.trial(trial.number)
        settings = self._settings(trial.params)
        config = configured(self.trial_config, settings)
        shown = ", ".join(f"{name} {json.dumps(value)}" for name, value in settings.items())
        print(f"trial {trial.number}: {run.path}: {shown}", flush=True)
        watcher = _Pruner(self.study, trial, config.training.epochs)
        try:
            experiment = build_experiment(config, self.corpus)
        except InputError as error:  # a choice that cannot be built, such as a teacher of another task
            run.begin(config)
            self._end(trial, run, TrialState.FAIL, str(error))
            return
        try:
            train(experiment, self.corpus, run, resume=True, watchers=[watcher])
        except optuna.TrialPruned as pruned:
            self._end(trial, run, TrialState.PRUNED, str(pruned))
        except (FloatingPointError, jax.errors.JaxRuntimeError) as error:
            if isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" not in str(error):
                raise
            self._end(trial, run, TrialState.FAIL, str(error).partition("\n")[0])
        else:
            self._end(trial, run, TrialState.COMPLETE)

    def _end(self, trial: Trial, run: RunDirectory, state: TrialState, reason: str | None = None) -> None:
        """Write down how a trial ended; of one that did not train to its end only configuration and log are kept."""
        log = run.read_log()
        trial.set_user_attr(_SECONDS, log[-1]["seconds"] if log else None)
        trial.set_user_attr(_REASON, reason)
        ended = f"{_STATES[state]}: {reason}" if reason else _STATES[state]
        if state == TrialState.COMPLETE:
            values = self.study.trials[trial.number].intermediate_values.values()
            self.study.tell(trial, max(values))
            print(f"trial {trial.number}: {ended}, {max(values):.4f}", flush=True)
            return
        shutil.rmtree(run.checkpoints, ignore_errors=True)
        write_whole(run.path / f"{_STATES[state]}.txt", [f"{ended}\n"])
        self.study.tell(trial, state=state)
        print(f"trial {trial.number}: {ended}", flush=True)

    def _settings(self, params: dict[str, Any]) -> dict[str, Any]:
        return {
            name: json.loads(params[name]) if isinstance(values, Choices) else params[name]
            for name, values in self.space.items()
        }

    def _write(self) -> str:
        return write_search(self.folder, self.config, self._describe())

    def _describe(self) -> dict[str, Any]:
        """What `search.json` holds."""
        ended = [trial for trial in self.study.trials if trial.state in _STATES]
        trials = []
        for trial in ended:
            scores = trial.intermediate_values
            best = max(scores, key=lambda epoch: scores[epoch], default=None)
            trials.append(
                {
                    "number": trial.number,
                    "folder": self.folder.trial(trial.number).path.name,
                    "state": _STATES[trial.state],
                    "settings": self._settings(trial.params),
                    "score": None if best is None else scores[best],
                    "best_epoch": best,
                    "epochs": len(scores),
                    "seconds": trial.user_attrs.get(_SECONDS),
                    "reason": trial.user_attrs.get(_REASON),
                }
            )
        found = best_trial(trials)
        return {
            "task": self.config.task,
            "seed": self.config.training.seed,
            "score": score_name(self.config.task),
            "used_for_selection": True,
            "asked": self.study.user_attrs.get(_ASKED),
            "space": {name: values.to_dict() for name, values in self.space.items()},
            "best": None if found is None else found["number"],
            "trials": trials,
            "importances": self._importances(),
        }

    def _importances(self) -> dict[str, float] | None:
        """How much each setting tells the best complete trials from the others (PED-ANOVA, Watanabe et al. 2023)."""
        complete = sum(trial.state == TrialState.COMPLETE for trial in self.study.trials)
        if complete < _LEAST_COMPLETE or len(self.space) < 2:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna warns where it finds all equal
            return optuna.importance.get_param_importances(self.study)


class _Pruner:
    """Tells Optuna the score of each epoch, and ends a run that is worse than the others were at that epoch."""

    def __init__(self, study: optuna.Study, trial: Trial, epochs: int) -> None:
        self.study, self.trial, self.epochs = study, trial, epochs

    def resumed(self, steps: int, epochs: int) -> None:
        """Nothing: what was told before is in the journal."""

    def step(self, loss: float, tokens: int) -> None:
        """Nothing."""

    def evaluation(self, entry: dict[str, Any]) -> None:
        """An epoch was evaluated. Raises TrialPruned."""
        epoch = entry["epoch"]
        told = self.study.trials[self.trial.number].intermediate_values
        if epoch not in told:  # else it was told before the run was stopped, and is trained once more
            self.trial.report(entry["validation_selection"], epoch)
            told[epoch] = entry["validation_selection"]
        if epoch < self.epochs and self.trial.should_prune():
            raise optuna.TrialPruned(
                f"after epoch {epoch} of {self.epochs} its best score, {max(told.values()):.4f}, is below the median "
                "of the complete trials at that epoch"
            )


def suggest(trials: list[FrozenTrial], distributions: dict[str, BaseDistribution], seed: int) -> dict[str, Any] | None:
    """What to try after these trials, as Optuna writes it: settings that none of them had. None where none is left.

    A setting that was tried is drawn again, since training it once more would give the same bytes.
    """
    own_seed = np.random.SeedSequence(seed, spawn_key=(len(trials),)).generate_state(1)[0]
    sampler = optuna.samplers.TPESampler(n_startup_trials=_RANDOM, seed=int(own_seed))
    study = optuna.create_study(sampler=sampler, direction="maximize")
    study.add_trials(trials)
    tried = [trial.params for trial in trials]
    for _ in range(_DRAWS):
        params = study.ask(distributions).params
        if params not in tried:
            return params
    return None


def check_fit(config: Config, space: Space, corpus: Corpus) -> None:
    """Raise InputError where no run could be made of these data, or of one of the settings on this machine."""
    build_experiment(config, corpus)
    for outer in outermost(space, config):
        check_backend(outer.model)


def without_test(config: Config) -> Config:
    """The configuration of a trial: no test part, which is not even read."""
    return dataclasses.replace(config, data=dataclasses.replace(config.data, test=None))


def _distribution(values: Range | Choices) -> BaseDistribution:
    """As Optuna has it. Choices are JSON there, since it keeps plain values only, and some settings are lists."""
    if isinstance(values, Choices):
        return CategoricalDistribution([json.dumps(choice) for choice in values.choices])
    if isinstance(values.low, int):
        return IntDistribution(values.low, int(values.high), values.log, int(values.step or 1))
    return FloatDistribution(values.low, values.high, values.log, values.step)
