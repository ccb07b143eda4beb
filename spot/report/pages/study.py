"""The part of a study: is retrieval any good here? Methods, top-k curve, similarity against gain, runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spot.analysis.finding import (
    Bars,
    Cell,
    Chart,
    Group,
    Heat,
    Level,
    Line,
    Lines,
    Number,
    Points,
    Table,
)
from spot.report.heatmap import clustered
from spot.report.pages.facts import DIGITS, facts_of, facts_table
from spot.report.pages.learning import StoredCheck, learning_sections, points, worth_of
from spot.report.pages.page import Linked, Part, Section
from spot.study.ranking import TargetQuality
from spot.study.records import BASELINE, SINGLE
from spot.study.result import Study, StudyRun, read_study
from spot.study.statistics import Interval
from spot.verdicts.gains import counted
from spot.verdicts.scores import TFIDF

COMMAND = "spot study"


def study_part(folder: Path) -> Part:
    """What a study has to show. Raises SpotError for a file that is none of a study, or was changed."""
    study = read_study(folder)
    facts = facts_table(
        "The study",
        [
            ("model", study.model),
            ("its fingerprint", study.fingerprint[:DIGITS]),
            ("targets", list(study.metrics)),
            ("seeds", list(study.seeds)),
            ("sources are ordered by", study.similarity),
            ("k", list(study.ks)),
        ],
    )
    return Part(
        f"Study of {counted(len(study.metrics), 'target')}",
        (study.verdict,),
        tuple(gap.sentence for gap in study.missing),
        (facts, *facts_of(folder, COMMAND)),
        (
            _methods(study),
            _top_k(study),
            *_learning(study),
            *_similarity_and_gain(study, folder),
            *_tasks(study),
            _runs(study, folder),
        ),
    )


def _bounds(interval: Interval) -> tuple[Number, Number]:
    """The bounds of an interval; none where one number tells nothing of its spread."""
    if not math.isfinite(interval.low):
        return None, None
    return interval.low, interval.high


def _methods(study: Study) -> Section:
    """The paper's table with intervals and tests, and the test scores of each target."""
    rows: list[tuple[Cell, ...]] = []
    for method, row in zip(study.methods, study.table.rows, strict=True):
        gain, test = study.gains.get(method.name), study.significance.get(method.name)
        rows.append(
            (
                method.name,
                row.score.mean,
                row.score.spread,
                *((None,) * 3 if gain is None else (gain.mean, *_bounds(gain))),
                None if row.relative is None else row.relative.mean,
                *((None,) * 2 if test is None else (test.p, test.adjusted_p)),
                row.targets,
            )
        )
    columns = (
        "method", "test score ", "± seeds ", "gain ", "95 % from ", "to ", "relative error reduction % ",
        "p ", "p (Holm) ", "targets ",
    )  # fmt: skip
    note = (
        "Means over targets and seeds. Runs are chosen on validation and scored on test. Intervals of gains "
        "are over targets and seeds, paired; p: sign-flip test over targets, two-sided."
    )
    table = Table("Methods", columns, tuple(rows), note)
    bounds = [_bounds(gain) for gain in study.gains.values()]
    bars = Bars(
        "Gain over scratch by method",
        "points over scratch, with 95 % intervals",
        tuple(study.gains),
        tuple(gain.mean for gain in study.gains.values()),
        tuple(low for low, _ in bounds),
        tuple(high for _, high in bounds),
    )
    pictures: tuple[Chart, ...] = (bars,) if study.gains else ()
    return Section("Is transfer any good here?", pictures, (table, _targets(study)))


def _targets(study: Study) -> Table:
    methods = [study.scratch, *([study.best] if study.best else [])]
    rows = [
        (target, *(float(each.test[place].mean()) for each in methods), study.tfidf.get(target))
        for place, target in enumerate(study.table.targets)
    ]
    columns = ("target", *(f"{each.name} " for each in methods), f"{TFIDF} ")
    return Table("Test scores by target", columns, tuple(rows), "Means over seeds.")


def _top_k(study: Study) -> Section:
    """The best of the top k against k, by what orders the sources."""
    scratch = float(study.scratch.test.mean())
    lines: list[Line] = []
    for order, by_k in study.curves.items():
        places = tuple(float(k) for k in by_k)
        means = tuple(float(scores.test.mean()) for scores in by_k.values())
        if order == study.similarity:
            gains = [_bounds(each.gain_over(study.scratch.test)) for each in by_k.values()]
            low, high = (tuple(_above(scratch, each[side]) for each in gains) for side in (0, 1))
            lines.insert(0, Line(f"{order} (the study's search)", places, means, low, high))
        else:
            lines.append(Line(order, places, means))
    levels = [Level("from scratch", scratch)]
    levels += [
        Level("oracle", float(each.test.mean()))
        for each in study.methods
        if each.method == "oracle"
    ]
    title = "Test score of the best of the k nearest sources"
    chart = Lines(title, "k", "test score, mean over targets", tuple(lines), tuple(levels))
    gains_by_order = study.gains_by_order()
    ks = [*next(iter(gains_by_order.values()), {})]
    columns = tuple(name for k in ks for name in (f"best of {k} ", "95 % from ", "to "))
    rows = tuple(
        (order, *(cell for gain in by_k.values() for cell in (gain.mean, *_bounds(gain))))
        for order, by_k in gains_by_order.items()
    )
    table = Table("Points over scratch, by what orders the sources", ("sources by", *columns), rows)
    note = (
        "Of the k nearest, validation chooses. What an order is worth is its distance from random and from "
        "popularity, the mean gain of a source on the other targets; band: the 95 % interval of the search's "
        "gain over scratch."
    )
    return Section("How many sources to try", (chart,), (table,), (note,))


def _above(level: float, bound: Number) -> Number:
    return None if bound is None else level + bound


def _learning(study: Study) -> list[Section]:
    """Learning curves from scratch and of the best of the most sources that the search finds."""
    k = max(study.usable_ks, default=1)
    by_place = {
        (run.record.target, run.record.seed, run.record.source): run
        for run in study.runs
        if run.record.strategy in (BASELINE, *SINGLE)
    }
    histories: dict[str, dict[str, list[list[StoredCheck]]]] = {}
    for (target, seed), cell in study.grid.cells.items():
        best = max(cell.single[:k], key=lambda run: run.validation)
        for arm, source in (("scratch", None), ("transfer", best.source)):
            run = by_place[target, seed, source]
            own = histories.setdefault(target, {"scratch": [], "transfer": []})
            own[arm].append([StoredCheck.of(check) for check in run.history])
    arms = {
        arm: [history for own in histories.values() for history in own[arm]]
        for arm in ("scratch", "transfer")
    }
    metrics = set(study.metrics.values())
    metric = metrics.pop() if len(metrics) == 1 else "score"
    of = f"{counted(len(histories), 'target')} and {counted(len(study.seeds), 'seed')}"
    sections = learning_sections(arms, metric, of)
    if not sections:
        return []
    rows = tuple(
        (
            target,
            worth_of({arm: [points(each) for each in runs] for arm, runs in own.items()}) or None,
        )
        for target, own in histories.items()
    )
    table = Table("What the transferred start is worth", ("target", "start"), rows)
    first = sections[0]
    notes = (
        *first.notes,
        f"Transfer: the best on validation of the {counted(k, 'nearest source')}.",
    )
    return [Section(first.title, first.pictures, (table,), notes), *sections[1:]]


def _similarity_and_gain(study: Study, folder: Path) -> list[Section]:
    """Similarity of each source against the gain from it, a picture a target, with the correlation."""
    qualities = {each.target: each for each in study.ranking[study.similarity].targets}
    charts, heat = [], {}
    for target in study.table.targets:
        cells = [study.grid.cells[target, seed] for seed in study.seeds]
        groups: dict[str, list[tuple[float, float]]] = {}
        for cell in cells:
            for run in cell.single:
                pair = (float(run.similarity or 0.0), run.test - cell.baseline.test)
                groups.setdefault(run.source_task or str(run.source), []).append(pair)
        means = {source: np.mean(pairs, axis=0).tolist() for source, pairs in groups.items()}
        heat[target] = {source: gain for source, (_, gain) in means.items()}
        x, y = zip(*means.values(), strict=True)
        group = Group(target, tuple(x), tuple(y), tuple(means))
        title = f"{target}: {_correlated(qualities.get(target))}"
        x_name, y_name = f"{study.similarity} similarity", "points over scratch, test"
        charts.append(Points(title, x_name, y_name, (group,), (Level("no gain", 0.0),)))
    sources = tuple(dict.fromkeys(source for gains in heat.values() for source in gains))
    gains = Heat(
        "Gain over scratch from every source",
        "source",
        "target",
        sources,
        tuple(heat),
        tuple(tuple(gains.get(source) for source in sources) for gains in heat.values()),
        "points, test",
    )
    tables = (_correlations(study, list(qualities.values())), _orders(study))
    note = "A point is a source, a mean over seeds. r is of similarity with the gain on validation."
    return [
        Section("Does similarity tell the gain?", tuple(charts), tables, (note,)),
        Section("Every source for every target", (gains,)),
    ]


def _correlated(quality: TargetQuality | None) -> str:
    """The correlation of a target, in words."""
    if quality is None or quality.correlation is None:
        return "correlation undefined"
    found = quality.correlation
    return f"r = {found.pearson:+.2f} ({found.low:+.2f} to {found.high:+.2f})"


def _correlations(study: Study, qualities: Sequence[TargetQuality]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for each in qualities:
        found = each.correlation
        numbers: tuple[Cell, ...] = (None,) * 6
        if found is not None:
            numbers = (
                found.pearson, found.low, found.high, found.pearson_p, each.adjusted_p, found.spearman,
            )  # fmt: skip
        rows.append((each.target, each.sources, *numbers, each.ndcg, *each.regret.values()))
    ks = next((tuple(each.regret) for each in qualities), ())
    columns = (
        "target", "sources ", "r ", "95 % from ", "to ", "p ", "p (Holm) ", "Spearman ", "nDCG ",
        *(f"regret@{k} % " for k in ks),
    )  # fmt: skip
    note = "Undefined, a dash, where all similarities or all gains are equal, or of fewer than three sources."
    title = f"{study.similarity} similarity against gain by target"
    return Table(title, columns, tuple(rows), note)


def _orders(study: Study) -> Table:
    rows = tuple(
        (order, each.pearson, each.spearman, each.ndcg, *each.regret.values())
        for order, each in study.ranking.items()
    )
    ks = next((tuple(each.regret) for each in study.ranking.values()), ())
    columns = ("sources by", "r ", "Spearman ", "nDCG ", *(f"regret@{k} % " for k in ks))
    note = "Means over targets, judged on validation; popularity and random are what an order must beat."
    return Table("Orders of the sources", columns, rows, note)


def _tasks(study: Study) -> list[Section]:
    if study.tasks is None:
        return []
    subtitle = f"{study.tasks.similarity} similarity of keys"
    picture = clustered(study.tasks, study.families, title="Task similarity", subtitle=subtitle)
    return [Section("How the bank's tasks relate", (picture,))]


def _runs(study: Study, folder: Path) -> Section:
    """Every run; its test score leads to the folder of its training."""
    rows: list[tuple[Cell, ...]] = []
    for run in study.runs:
        record = run.record
        rows.append(
            (
                record.target, record.strategy, record.source, record.k, record.seed, record.similarity,
                run.learning_rate, run.step, record.validation, _linked(run, folder),
                *(run.gain_interval or (None, None)), run.n,
            )
        )  # fmt: skip
    columns = (
        "target", "strategy", "source", "k ", "seed ", "similarity ", "learning rate ", "step ",
        "validation ", "test ", "gain from ", "to ", "rows ",
    )  # fmt: skip
    note = (
        "A test score that is a link leads to the run. Gains are over scratch of the same seed: 95 % "
        "intervals over rows."
    )
    return Section("All runs", (), (Table("Runs", columns, tuple(rows), note),))


def _linked(run: StudyRun, folder: Path) -> float:
    """The test score with its run's folder, which is found beside the study's wherever both were moved."""
    if run.folder is None:
        return run.record.test
    return Linked(run.record.test, folder.parent.parent.joinpath(*run.folder.parts[-2:]))
