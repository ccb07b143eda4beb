"""`python -m tests.fuzz`: damaged files for every reader, and a table of what came of them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import click

from tests.fuzz.subjects import SUBJECTS
from tests.fuzz.trials import Tally, run


@click.command()
@click.option("--trials", default=1000, show_default=True, help="Trials of each subject.")
@click.option("--seed", default="0", show_default=True, help="Other seeds, other damage.")
@click.option("--only", default="", help="Subjects whose name holds this text.")
@click.option("--workers", default=2, show_default=True, help="Subjects at the same time.")
def main(trials: int, seed: str, only: str, workers: int) -> None:
    """Exit 1 if a trial gave a traceback, a wrong value, a hang, a crash or took over 1 GiB."""
    names = [subject.name for subject in SUBJECTS if only in subject.name]
    began = time.monotonic()
    with ThreadPoolExecutor(workers) as pool:
        tallies = list(pool.map(lambda name: _told(name, trials, seed), names))
    click.echo("\n| reader | trials | same value | another value | refused | failures | slowest |")
    click.echo("|---|---:|---:|---:|---:|---:|---:|")
    for tally in tallies:
        kinds = tally.outcomes
        click.echo(
            f"| {tally.subject} | {tally.trials} | {kinds['same']} | {kinds['other']} | {kinds['refused']} | "
            f"{len(tally.failures)} | {tally.slowest:.1f} s |"
        )
    minutes = (time.monotonic() - began) / 60
    failures = sum(len(tally.failures) for tally in tallies)
    total = sum(tally.trials for tally in tallies)
    click.echo(f"\n{total} trials, {failures} failures, {minutes:.1f} minutes, seed {seed}")
    raise SystemExit(bool(failures))


def _told(name: str, trials: int, seed: str) -> Tally:
    tally = run(name, trials, seed)
    click.echo(f"{name}: {dict(tally.outcomes)}, slowest {tally.slowest:.1f} s", err=True)
    for trial in tally.failures[:20]:
        click.echo(
            f"  {trial['outcome']}: {trial['seed']} ({trial['file']}, {trial['change']})", err=True
        )
        click.echo("    " + trial["why"].strip().replace("\n", "\n    ")[-700:], err=True)
    return tally


if __name__ == "__main__":
    main()
