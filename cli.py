"""The `spot` command: parse, make one library call, print. Imports live inside the commands, so
help is quick.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from spot.bank_commands import bank_group
from spot.options import (
    Suggesting,
    bank_to_fill,
    configured,
    loader,
    open_bank,
    read_config,
    setting,
)


class Warnings(logging.Handler):
    """Shows what the library logs as `warning: …` on stderr, as other warnings are."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(f"{record.levelname.lower()}: {record.getMessage()}", err=True)


class Spot(Suggesting):
    """The whole command: turns every expected failure into text on stderr and an exit code."""

    def main(self, *args: Any, **extra: Any) -> Any:
        from bank.errors import UserError

        try:
            with shown_warnings():
                code = super().main(*args, **{**extra, "standalone_mode": False})
        except UserError as error:
            code = complain(error.message, error.hint, 1)
        except click.UsageError as error:
            path = error.ctx.command_path if error.ctx else "spot"
            code = complain(error.format_message(), f"`{path} --help` shows the usage", 2)
        except click.ClickException as error:
            code = complain(error.format_message(), "", error.exit_code)
        except OSError as error:
            code = complain(*refused(error), 1)
        except (click.Abort, KeyboardInterrupt):
            text = "stopped; run the same command again to go on from the last checkpoint"
            click.echo(text, err=True)
            code = 130
        sys.exit(code if isinstance(code, int) else 0)


def complain(message: str, hint: str, code: int) -> int:
    """Prints an error as people read it; returns the exit code."""
    click.echo(f"error: {message}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)
    return code


def refused(error: OSError) -> tuple[str, str]:
    """Message and hint for what the system refuses: a full disk, a folder that is read-only, …"""
    from bank.files import HINTS

    where = f"{error.filename}: " if error.filename else ""
    hint = HINTS.get(error.errno or 0, "check the path, its permissions and the free space")
    return f"{where}{error.strerror or error}", hint


@contextlib.contextmanager
def shown_warnings() -> Iterator[None]:
    """For the block, warnings of `spot` and `bank` are shown here and by no other handler."""
    handler = Warnings(logging.WARNING)
    loggers = [logging.getLogger(name) for name in ("spot", "bank")]
    before = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, propagate in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.propagate = propagate


@click.group(cls=Spot, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="spot-transfer", prog_name="spot")
def main() -> None:
    """SPoT: find the soft prompt that a new task should start from.

    \b
    spot build-bank                      train source prompts into a bank
    spot search --target mini_boolq      which of them are nearest to a target
    spot transfer --target mini_boolq    start there, and compare with scratch
    spot heatmap --out tasks.png         how the tasks relate

    Without arguments every command uses the embedded model and tasks, offline.
    """


@main.command("build-bank", short_help="Train source prompts into a bank.")
@configured
def build_bank_command(config_file: Any, assignments: Any, bank_path: Any, as_json: bool) -> None:
    """Train prompts on all sources and mixtures of a config; resumes by itself.

    \b
    Example: spot build-bank --set 'bank.sources=["mini_news","mini_qqp"]'
    """
    from spot.report.bank_output import print_build
    from spot.report.console import progress
    from spot.training.build import build_bank

    config = read_config(config_file, assignments, bank_path)
    bank = bank_to_fill(config)
    with progress() as reporter:
        report = build_bank(config, loader(config)(), bank, reporter)
    print_build(report, bank, as_json)
    if report.failed:
        raise SystemExit(1)


@main.command("search", short_help="Rank a bank's entries for a target.")
@click.option("--target", required=True, help="The task to find a prompt for.")
@click.option("--k", type=int, help="How many entries to list (default 3).")
@click.option(
    "--similarity",
    help="average (default; task-vector on the embedded model), per-token, centered, delta, "
    "centered-delta, task-vector or max-inner-product.",
)
@configured
def search_command(
    target: str,
    k: int | None,
    similarity: str | None,
    config_file: Any,
    assignments: Any,
    bank_path: Any,
    as_json: bool,
) -> None:
    """Rank the bank's entries by the similarity of their keys to a target's query.

    \b
    Example: spot search --target mini_boolq --k 3
    """
    from spot.report.bank_output import print_search
    from spot.report.console import progress
    from spot.retrieval.target import search_target

    extra = () if similarity is None else (setting("search.similarity", similarity),)
    config = read_config(config_file, (*assignments, *extra), bank_path)
    bank = open_bank(config)
    with progress() as reporter:
        answer = search_target(target, config, bank, loader(config), reporter, k=k)
    print_search(answer, as_json)


@main.command("transfer", short_help="Start from the nearest prompt; compare.")
@click.option("--target", required=True, help="The task to train a prompt for.")
@click.option("--strategy", help="best (default), average, mixture or oracle.")
@click.option("--k", type=int, help="How many entries the strategy uses (default 1).")
@configured
def transfer_command(
    target: str,
    strategy: str | None,
    k: int | None,
    config_file: Any,
    assignments: Any,
    bank_path: Any,
    as_json: bool,
) -> None:
    """Train a target's prompt from the retrieved value and from scratch, and compare on the test
    split.

    \b
    Example: spot transfer --target mini_boolq --strategy best --k 3
    """
    from spot.report.console import progress
    from spot.report.run_output import print_transfer
    from spot.strategies.transfer import transfer

    extra = [setting("transfer.strategy", strategy)] if strategy else []
    extra += [f"transfer.k={k}"] if k is not None else []
    config = read_config(config_file, (*assignments, *extra), bank_path)
    bank = open_bank(config)
    with progress() as reporter:
        report = transfer(target, config, bank, loader(config), reporter)
    print_transfer(report, as_json)


@main.command("heatmap", short_help="Draw how the tasks relate.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help=".png .svg .pdf .html .csv or .json",
)
@click.option(
    "--similarity",
    help="As for search. Default: task-vector of prompts that began alike, else centered; average of "
    "fewer than three.",
)
@click.option("--values", is_flag=True, help="Compare the values instead of the keys.")
@configured
def heatmap_command(
    out: Path,
    similarity: str | None,
    values: bool,
    config_file: Any,
    assignments: Any,
    bank_path: Any,
    as_json: bool,
) -> None:
    """Draw the similarity of all tasks in a bank, clustered; seeds are averaged over pairs.

    \b
    Example: spot heatmap --out tasks.png
    """
    from spot.report.bank_heatmap import bank_heatmap
    from spot.report.console import print_json, say

    bank = open_bank(read_config(config_file, assignments, bank_path))
    drawn = bank_heatmap(bank, out, similarity, values=values)
    print_json({"path": str(drawn.path), "similarity": drawn.similarity}) if as_json else say(
        f"heatmap written to {drawn.path}"
    )


@main.command("study", short_help="Is retrieval any good here? Tables.")
@click.option(
    "--target",
    "targets",
    multiple=True,
    help="A target task; repeat it. Default: the mini suite's targets.",
)
@configured
def study_command(
    targets: tuple[str, ...], config_file: Any, assignments: Any, bank_path: Any, as_json: bool
) -> None:
    """Oracle, best of top-k and scratch for several targets: is retrieval any good here?

    \b
    Example: spot study --target mini_boolq --target mini_rte
    """
    from spot.report.console import progress
    from spot.report.run_output import print_study
    from spot.study.run import study
    from spot.tasks.mini.suite import target_names

    config = read_config(config_file, assignments, bank_path)
    bank = open_bank(config)
    with progress() as reporter:
        result = study(targets or target_names(), config, bank, loader(config)(), reporter)
    print_study(result, as_json)


@main.command("baselines", short_help="Prompt design, prompt and model tuning.")
@click.option("--target", required=True, help="The task to compare them on.")
@click.option(
    "--methods",
    help="Some of zero-shot, few-shot, prompt-tuning, model-tuning, joined by commas (default: all).",
)
@click.option(
    "--shots",
    type=click.IntRange(min=1),
    help="Training examples in front of a text, as many as fit (default: data.shots, else 4).",
)
@configured
def baselines_command(
    target: str,
    methods: str | None,
    shots: int | None,
    config_file: Any,
    assignments: Any,
    bank_path: Any,
    as_json: bool,
) -> None:
    """Prompt design, prompt tuning and model tuning on the same rows of a target, in one table.

    Training has the seeds and steps of transfer. Only prompt design has data.text and examples in
    front of its texts.

    \b
    Example: spot baselines --target mini_rte --methods zero-shot,prompt-tuning
    """
    from spot.report.console import progress
    from spot.report.run_output import print_baselines
    from spot.study.baselines import baselines

    extra = () if shots is None else (f"data.shots={shots}",)
    config = read_config(config_file, (*assignments, *extra), bank_path)
    chosen = None if methods is None else [name.strip() for name in methods.split(",")]
    with progress() as reporter:
        result = baselines(target, config, loader(config), chosen, reporter)
    print_baselines(result, as_json)


@main.command("train", short_help="Train one prompt on one task.")
@click.option("--task", required=True, help="A task, or tasks joined by +.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The prompt: .npy or .safetensors"
)
@configured
def train_command(
    task: str,
    seed: int,
    out: Path,
    config_file: Any,
    assignments: Any,
    bank_path: Any,
    as_json: bool,
) -> None:
    """Train one prompt on one task or mixture and write it to a file.

    \b
    Example: spot train --task mini_news --out news.safetensors
    """
    from spot.models.counts import count, prompt_counts
    from spot.report.console import progress
    from spot.report.run_output import print_training
    from spot.serving.single import train_one

    config = read_config(config_file, assignments, bank_path)
    backbone = loader(config)()
    with progress() as reporter:
        result = train_one(task, seed, out, config, backbone, reporter)
    length, width = result.value.shape
    counts = prompt_counts(length, width, count(backbone.network))
    print_training(result, out, counts, as_json)


@main.command("tune", short_help="Train all weights: the yardstick.")
@click.option("--task", required=True, help="A task, or tasks joined by +.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="A new folder for the model."
)
@configured
def tune_command(
    task: str,
    seed: int,
    out: Path,
    config_file: Any,
    assignments: Any,
    bank_path: Any,
    as_json: bool,
) -> None:
    """Train all weights on one task or mixture, as a yardstick for prompts, and write the model.

    \b
    Example: spot tune --task mini_sst --out tuned
             spot eval --task mini_sst --set model.name=tuned
    """
    from spot.models.counts import Counts, count
    from spot.report.console import progress
    from spot.report.run_output import print_tuning
    from spot.serving.single import tune_one

    config = read_config(config_file, assignments, bank_path)
    with progress() as reporter:
        result = tune_one(task, seed, out, config, loader(config)(), reporter)
    print_tuning(task, result, out, Counts(count(result.parameters), 0), as_json)


@main.command("eval", short_help="Score a prompt on a task.")
@click.option("--task", required=True, help="The task to score on.")
@click.option("--prompt", help="An entry's id or task, or a prompt file; none: the bare model.")
@click.option("--split", default="test", show_default=True)
@click.option("--templates", is_flag=True, help="Try all templates; validation chooses one.")
@configured
def eval_command(
    task: str,
    prompt: str | None,
    split: str,
    templates: bool,
    config_file: Any,
    assignments: Any,
    bank_path: Any,
    as_json: bool,
) -> None:
    """Score a prompt on a task, also on one that it was not trained for.

    \b
    Example: spot eval --task mini_boolq --prompt mini_rooms
    """
    from spot.report.run_output import print_evaluation, print_sweep
    from spot.serving.single import evaluate_one, sweep_templates

    config = read_config(config_file, assignments, bank_path)
    if templates:
        sweep = sweep_templates(task, split, prompt, config, loader(config)())
        print_sweep(task, split, sweep, as_json)
        return
    result = evaluate_one(task, split, prompt, config, loader(config)())
    print_evaluation(task, split, result, as_json)


@main.command("predict", short_help="Use a prompt on texts.")
@click.option(
    "--task", required=True, help="The task whose label words are ranked, or that is generated."
)
@click.option("--prompt", help="An entry's id or task, or a prompt file; none: the bare model.")
@click.option(
    "--text",
    "texts",
    multiple=True,
    help="An input as the model reads it; default: lines of stdin.",
)
@configured
def predict_command(
    task: str,
    prompt: str | None,
    texts: tuple[str, ...],
    config_file: Any,
    assignments: Any,
    bank_path: Any,
    as_json: bool,
) -> None:
    """Use a prompt: the label (with probabilities) or text for each input.

    \b
    Example: spot predict --task mini_boolq --prompt mini_rooms --text "passage: … question: …"
    """
    from spot.report.run_output import print_predictions
    from spot.serving.single import predict_texts

    config = read_config(config_file, assignments, bank_path)
    lines = list(texts) or [line.rstrip("\n") for line in sys.stdin if line.strip()]
    print_predictions(predict_texts(task, lines, prompt, config, loader(config)()), as_json)


@main.command("tasks", short_help="List tasks, and whether data is there.")
@configured
def tasks_command(config_file: Any, assignments: Any, bank_path: Any, as_json: bool) -> None:
    """List all tasks: family, rows, metric, and whether the data is there.

    \b
    Example: spot tasks --set data.dir=data/tasks
    """
    from dataclasses import replace

    from spot.report.run_output import print_tasks
    from spot.tasks.catalog import task, task_names
    from spot.training.data import data_settings

    # Some tasks may lack the template that the config names; all are listed.
    settings = data_settings(read_config(config_file, assignments, bank_path))
    settings = replace(settings, template="t5")
    print_tasks([task(name, settings) for name in task_names(settings)], as_json)


@main.command("models", short_help="List models.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines on stdout.")
def models_command(as_json: bool) -> None:
    """List what model.name takes by name: size, format, and whether it is on this machine.

    \b
    Example: spot models
    """
    from spot.models.known import known_models
    from spot.report.run_output import print_models

    print_models(known_models(), as_json)


@main.command("doctor", short_help="Check this machine.")
@configured
def doctor_command(config_file: Any, assignments: Any, bank_path: Any, as_json: bool) -> None:
    """Check this machine: versions, device, product forms with their speed, model, bank.

    \b
    Example: spot doctor
    """
    from spot.doctor import examine
    from spot.report.run_output import print_doctor

    findings = examine(read_config(config_file, assignments, bank_path))
    print_doctor(findings, as_json)
    if any(not finding.fine for finding in findings):
        raise SystemExit(1)


main.add_command(bank_group)


if __name__ == "__main__":
    main(prog_name="spot")
