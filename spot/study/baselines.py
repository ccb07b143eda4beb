"""The baselines of prompt tuning on one target: prompt design, prompt tuning and model tuning (Lester
et al. 2021, figure 1 and section 3), classifiers on features of the frozen model, and TF-IDF with logistic
regression, which needs no model.

All see the same rows, and those that train in steps make the same number; validation chooses and the test
split reports. They differ in what is trained and in what stands in front of a text: for prompt design the
config's text prompt and training examples, for prompt tuning a soft prompt, for features such a prompt or
nothing, for model tuning nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bank.files import replace_file
from spot.errors import SpotError, did_you_mean
from spot.models.model import Model
from spot.prompts.files import write_prompt
from spot.prompts.prompt import SoftPrompt
from spot.strategies.settings import TransferSettings
from spot.strategies.transfer import BEST_FILE, check_target
from spot.study.methods.method import PROMPT_TUNING, TFIDF, Refused, Row, Runner, undesigned
from spot.study.methods.table import METHODS
from spot.tasks.task import Task
from spot.training.evaluate import floors, sample_of
from spot.training.judging import metric_name
from spot.training.provenance import write_provenance
from spot.training.recipe import FINE_TUNING_RATES, Recipe
from spot.training.runs import Runs
from spot.verdicts.scores import judge_score
from spot.verdicts.verdict import Verdict


@dataclass(frozen=True)
class Baselines:
    """The table of one target, the folder with the results that it is made of, and the verdict on the
    best method of the model. `refused`: methods that do not fit the target, and why.
    """

    target: str
    metric: str
    rows: tuple[Row, ...]
    folder: Path
    verdict: Verdict
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def best(self) -> Path | None:
        """The file of the prompt that is best on validation, None where no prompt was trained."""
        tuned = any(row.method == PROMPT_TUNING for row in self.rows)
        return self.folder / BEST_FILE if tuned else None


def baselines(
    model: Model,
    target: Task,
    recipe: Recipe | None = None,
    *,
    methods: Sequence[str] | None = None,
    prompt: SoftPrompt | None = None,
    plan: TransferSettings | None = None,
    rates: Sequence[float] = FINE_TUNING_RATES,
    runs: Runs | None = None,
) -> Baselines:
    """The table of a target, of all METHODS or of some; finished work is found again.

    Prompt design has the target's text prompt and examples, the other methods have not. prompt: what
    methods on features read texts behind, too; without it they take the prompts that "prompt-tuning" of
    the same call trains. plan: the seeds, steps and rates of prompt tuning, as of `transfer` from scratch;
    rates: of fine-tuning. Raises SpotError for an unknown method, or an unusable target, before any
    training, and where none of the methods fits the target.
    """
    chosen = check_methods(tuple(METHODS) if methods is None else methods)
    recipe, runs = (recipe or Recipe()).on(model), runs or Runs()
    target, plan = target.on(model), (plan or TransferSettings()).on(model)
    runs.reporter.phase(f"reading the rows of {target.name}")
    check_target(undesigned(target), model, recipe)
    runner = Runner(target, model, recipe, plan, rates, runs, prompt)
    rows: list[Row] = []
    refused: dict[str, str] = {}
    for method in chosen:
        result = METHODS[method](runner)
        if isinstance(result, Refused):
            refused[method] = result.reason
            continue
        rows += result.rows
        runner = replace(runner, tuned={**runner.tuned, **result.prompts})
    if not rows:
        raise SpotError(
            f"none of the methods fits {target.name}: {'; '.join(dict.fromkeys(refused.values()))}",
            f"choose from {', '.join(name for name in METHODS if name not in refused)}",
        )
    if chosen[0] == "zero-shot":
        bare, *others = rows
        rows = [bare, *(runner.compared(row, bare) for row in others)]
    folder = runs.place("baselines", target.name, {"rows": [row.to_json() for row in rows]})
    verdict = judge(runner, rows)
    table = Baselines(target.name, metric_name(target), tuple(rows), folder, verdict, refused)
    _write(table, runner.tuned)
    own = plan.model_dump(mode="json", include={"seeds", "steps", "learning_rates"})
    write_provenance(folder, [model], recipe, methods=chosen, fine_tuning_rates=list(rates), **own)
    return table


def check_methods(names: Sequence[str]) -> list[str]:
    """The named methods in the order of METHODS, each once; SpotError for an unknown or no name."""
    hint = f"choose from {', '.join(METHODS)}, joined by commas"
    if not names:
        raise SpotError("expected methods to compare, found none", hint)
    for name in names:
        if name not in METHODS:
            raise SpotError(f'no method is called "{name}".{did_you_mean(name, METHODS)}', hint)
    return [name for name in METHODS if name in names]


def judge(runner: Runner, rows: Sequence[Row]) -> Verdict:
    """The verdict on the best method of the model, beside TF-IDF; that on TF-IDF where it is alone."""
    task, test, _ = runner.test_split(undesigned(runner.target))
    of_model = [row for row in rows if row.method != TFIDF] or rows
    best = max(of_model, key=lambda row: row.mean)
    beside = next((row for row in rows if row.method == TFIDF and row is not best), None)
    return judge_score(
        metric_name(task),
        len(test),
        sample_of([trial.predictions for trial in best.trials], task, test),
        floors(task, test),
        None if beside is None else sample_of([beside.trials[0].predictions], task, test),
        subject=f" by {best.name}",
    )


def _write(table: Baselines, prompts: Mapping[int, SoftPrompt]) -> None:
    """baselines.json and the trained prompts."""
    content = {
        "target": table.target,
        "metric": table.metric,
        "rows": [row.to_json() for row in table.rows],
        "refused": dict(table.refused),
        "verdict": table.verdict.to_json(),
    }
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    replace_file(table.folder / "baselines.json", text.encode())
    for seed, prompt in prompts.items():
        write_prompt(table.folder / f"prompt-s{seed}.safetensors", prompt)
    for row in table.rows:
        if row.method == PROMPT_TUNING:
            chosen = max(row.trials, key=lambda trial: trial.validation or 0.0)
            write_prompt(table.folder / BEST_FILE, prompts[chosen.seed or 0])
