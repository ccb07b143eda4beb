"""The result of a study: what was measured, as one value that a file holds; all else is computed of it.

Tables are made of complete targets. What is missing is named, never filled: a run that is missing failed
for a reason that usually has to do with its score.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bank.files import canonical_json, replace_file, sha256_hex
from bank.reading import read_json
from spot.errors import SpotError
from spot.settings import shown
from spot.study.chance import POPULARITY, RANDOM, popularity, random_quality, random_scores
from spot.study.ranking import RankQuality, rank_quality
from spot.study.records import BASELINE, COMBINED, SINGLE, Cell, Grid, TransferRecord, complete_grid
from spot.study.significance import Significance, significance
from spot.study.similarity import TaskSimilarity
from spot.study.statistics import Interval
from spot.study.tables import (
    BEST,
    MethodScores,
    TransferTable,
    method_scores,
    scores_of,
    table_of,
    title_of,
    without_nan,
)
from spot.training.slots import Check
from spot.verdicts.gains import judge_study
from spot.verdicts.verdict import Verdict

FORMAT = 1
STUDY_FILE = "study.json"
LIMIT = 1 << 30  # bytes of that file; a run with 500 checks takes 100 kB
RERANKED = "re-ranked top-k"

Order = dict[str, dict[str, float]]
"""The scores of each target's sources by id, the higher the nearer."""


@dataclass(frozen=True, eq=False)
class StudyRun:
    """A run of a study: its record, what validation chose, its test metrics on n rows, its checks and the
    folder of its training. gain_interval: 95 % over test rows of the gain over the same seed from scratch,
    None for that itself.
    """

    record: TransferRecord
    learning_rate: float
    step: int
    metrics: dict[str, float]
    n: int
    gain_interval: tuple[float, float] | None
    history: tuple[Check, ...]
    folder: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON-serialisable dict."""
        return {
            **asdict(self.record),
            "learning_rate": self.learning_rate,
            "step": self.step,
            "metrics": self.metrics,
            "n_test": self.n,
            "gain_interval": self.gain_interval and list(self.gain_interval),
            "history": [check.to_json() for check in self.history],
            "folder": None if self.folder is None else str(self.folder),
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> StudyRun:
        """The inverse of `to_json`."""
        record = TransferRecord(**{name: row[name] for name in TransferRecord.__dataclass_fields__})
        bounds = row["gain_interval"]
        return cls(
            record,
            row["learning_rate"],
            row["step"],
            row["metrics"],
            row["n_test"],
            None if bounds is None else (bounds[0], bounds[1]),
            tuple(Check.from_json(check) for check in row["history"]),
            None if row["folder"] is None else Path(row["folder"]),
        )


@dataclass(frozen=True)
class Missing:
    """What a study lacks, and why. `what`: of a target, such as "the run from news-s0-1111, seed 1"."""

    target: str
    what: str
    reason: str
    hint: str = ""

    @property
    def sentence(self) -> str:
        """What is missing and why, in a sentence."""
        return f"{self.target}: {self.what} is missing: {self.reason}"


@dataclass(frozen=True, eq=False)
class Study:
    """What a study measured, and everything that follows.

    `metrics` names the metric of every target, in the order of the study; `orders` has, for the name of
    every order, the scores of each target's sources. `similarity` is the order of the study's own search;
    `estimates` has for an estimator its scores of the few nearest sources by that. `tasks` is the
    similarity of the bank's tasks, `families` are theirs. `tfidf` has each target's test score by TF-IDF
    with logistic regression, where it has labels. `prompts` are the files of each target's best prompt on
    validation. `folder` holds the file of all this.
    """

    model: str
    fingerprint: str
    similarity: str
    ks: tuple[int, ...]
    metrics: dict[str, str]
    runs: tuple[StudyRun, ...]
    orders: dict[str, Order]
    estimates: dict[str, Order] = field(default_factory=dict)
    missing: tuple[Missing, ...] = ()
    tfidf: dict[str, float] = field(default_factory=dict)
    tasks: TaskSimilarity | None = None
    families: dict[str, str] = field(default_factory=dict)
    prompts: dict[str, Path] = field(default_factory=dict)
    folder: Path | None = None

    @cached_property
    def records(self) -> tuple[TransferRecord, ...]:
        """The records of all runs."""
        return tuple(run.record for run in self.runs)

    @cached_property
    def planned(self) -> dict[str, list[str]]:
        """The ids of each target's sources."""
        return {target: list(scores) for target, scores in self.orders[self.similarity].items()}

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the runs."""
        return tuple(sorted({record.seed for record in self.records}))

    @cached_property
    def complete(self) -> tuple[str, ...]:
        """The targets with a run from scratch and from every source, for every seed; without any source only
        where no target has one.
        """
        some = any(self.planned.values())
        there = {(each.target, each.seed, each.source) for each in self.records if not each.k}
        return tuple(
            target
            for target, ids in sorted(self.planned.items())
            if (ids or not some)
            and all(
                (target, seed, source) in there for seed in self.seeds for source in (None, *ids)
            )
        )

    @property
    def left_out(self) -> tuple[str, ...]:
        """The targets that no table has, for they are incomplete."""
        return tuple(target for target in self.metrics if target not in self.complete)

    @cached_property
    def core(self) -> tuple[TransferRecord, ...]:
        """The records of complete targets from scratch and from one source."""
        return tuple(
            record
            for record in self.records
            if record.target in self.complete and record.strategy in (BASELINE, *SINGLE)
        )

    @cached_property
    def grid(self) -> Grid:
        """The core by target and seed. Raises SpotError where no target is complete."""
        if not self.complete:
            reasons = "; ".join(each.sentence for each in self.missing[:3])
            raise SpotError(
                f"no target of the study is complete{f': {reasons}' if reasons else ''}",
                next((each.hint for each in self.missing if each.hint), "repeat these runs"),
            )
        return complete_grid(self.core, planned={t: self.planned[t] for t in self.complete})

    @property
    def usable_ks(self) -> list[int]:
        """The ks that every complete target has sources for."""
        return [k for k in self.ks if k <= self.fewest]

    @property
    def fewest(self) -> int:
        """The number of sources of the target with the fewest."""
        return min(len(cell.single) for cell in self.grid.cells.values())

    @cached_property
    def methods(self) -> list[MethodScores]:
        """The test scores of every method, from scratch first. An arm that a target lacks is NaN there."""
        _, _, core = method_scores(self.core, ks=self.usable_ks)
        return [*core, *self._reranked, *self._arms]

    @property
    def _reranked(self) -> list[MethodScores]:
        """The nearest source by an estimate among the few that it was made for."""
        methods = []
        for name, by_target in self.estimates.items():
            if all(by_target.get(target) for target in self.grid.targets):
                k = max(len(by_target[target]) for target in self.grid.targets)

                def choose(cell: Cell, by_target: Order = by_target) -> TransferRecord:
                    scores = by_target[cell.baseline.target]
                    near = [run for run in cell.single if run.source in scores]
                    return max(near, key=lambda run: scores[str(run.source)])

                methods.append(scores_of(self.grid, f"{RERANKED} by {name}", k, choose))
        return methods

    @property
    def _arms(self) -> list[MethodScores]:
        """The runs from several sources, as far as each target has them for every seed."""
        runs = {
            (record.target, record.seed, record.arm): record.test
            for record in self.records
            if record.strategy in COMBINED
        }
        arms = sorted({arm for _, _, arm in runs})
        methods = []
        for arm in arms:
            test = np.array(
                [[runs.get((t, s, arm), np.nan) for s in self.seeds] for t in self.complete]
            )
            test[np.isnan(test).any(axis=1)] = np.nan
            if not np.isnan(test).all():
                methods.append(MethodScores(title_of(arm, arms), arm[1], test))
        return methods

    @property
    def scratch(self) -> MethodScores:
        """The scores from scratch."""
        return self.methods[0]

    @cached_property
    def table(self) -> TransferTable:
        """The paper's Table 3. Raises SpotError where no target is complete."""
        return table_of(self.grid.targets, self.grid.seeds, self.methods, self.similarity)

    @cached_property
    def gains(self) -> dict[str, Interval]:
        """Each method's mean gain over scratch."""
        return {each.name: each.gain_over(self.scratch.test) for each in self.methods[1:]}

    @cached_property
    def significance(self) -> dict[str, Significance]:
        """The test of each method's gain."""
        return significance(self.methods[1:], self.scratch.test)

    @cached_property
    def relative(self) -> dict[str, dict[str, float | None]]:
        """Each method's relative error reduction in percent by target, means over seeds (Vu et al. 2022,
        section 3.2); None where it is not defined or missing.
        """
        rows = {}
        for each in self.methods[1:]:
            by_seed = each.relative(self.scratch.test)
            means = [row[~np.isnan(row)] for row in by_seed]
            values = [float(row.mean()) if row.size else None for row in means]
            rows[each.name] = dict(zip(self.table.targets, values, strict=True))
        return rows

    @cached_property
    def all_orders(self) -> dict[str, Order]:
        """Every order that has all complete targets, and by popularity where several tell of each other."""
        whole = {
            name: by_target
            for name, by_target in self.orders.items()
            if set(self.complete) <= set(by_target)
        }
        popular = popularity(self.core) if self.core else {}
        return whole | ({POPULARITY: popular} if set(popular) == set(self.complete) else {})

    def by(self, order: Order) -> list[TransferRecord]:
        """The core with the scores of an order as similarities."""
        return [reordered(record, order[record.target]) for record in self.core]

    @cached_property
    def curves(self) -> dict[str, dict[int, MethodScores]]:
        """The scores of the best of the top k, for every order of the sources and every k; of a random
        order their expected values.
        """
        every = range(1, self.fewest + 1)
        curves = {name: best_of(self.by(order), every) for name, order in self.all_orders.items()}
        return curves | {RANDOM: random_scores(self.core, every)}

    @property
    def by_order(self) -> dict[str, dict[int, MethodScores]]:
        """The same for the study's ks."""
        return {name: {k: by_k[k] for k in self.usable_ks} for name, by_k in self.curves.items()}

    @cached_property
    def ranking(self) -> dict[str, RankQuality]:
        """The quality of every order of the sources; of a random order the expected one."""
        ks = self.usable_ks
        judged = {name: rank_quality(self.by(order), ks) for name, order in self.all_orders.items()}
        return judged | {RANDOM: random_quality(self.core, ks)}

    @property
    def best(self) -> MethodScores | None:
        """The scores of the best of the most sources that the study's own search finds, if any."""
        of_search = self.by_order.get(self.similarity, {})
        return of_search[max(of_search)] if of_search else None

    @property
    def verdict(self) -> Verdict:
        """The judgement of transfer from what a search finds, or of the last method without it."""
        best, targets = self.best, self.table.targets
        name, gain = list(self.gains.items())[-1] if self.gains else ("transfer", None)
        if best is not None:
            name = (
                "from the nearest source" if best.k == 1 else f"from the best of {best.k} sources"
            )
            gain = best.gain_over(self.scratch.test)
        tfidf = None
        if gain is not None and set(targets) <= set(self.tfidf):
            tfidf = float(np.mean([self.tfidf[target] for target in targets]))
        scratch = float(self.scratch.test.mean())
        bounds = None if gain is None else (gain.mean, gain.low, gain.high)
        seeds = len(self.table.seeds)
        return judge_study(name, bounds, len(targets), seeds, scratch, tfidf, self.left_out)

    def gains_by_order(
        self, scratch: NDArray[np.float64] | None = None
    ) -> dict[str, dict[int, Interval]]:
        """Mean gains of the best of the top k, for every order and k, over the study's scores from
        scratch or over others [targets, seeds].
        """
        compared = self.scratch.test if scratch is None else scratch
        return {
            name: {k: scores.gain_over(compared) for k, scores in by_k.items()}
            for name, by_k in self.by_order.items()
        }

    def to_json(self) -> dict[str, Any]:
        """What was measured as a JSON-serialisable dict, with the statistics under "summary"."""
        tasks = self.tasks
        return {
            "format": FORMAT,
            "model": self.model,
            "fingerprint": self.fingerprint,
            "similarity": self.similarity,
            "ks": list(self.ks),
            "metrics": self.metrics,
            "runs": [run.to_json() for run in self.runs],
            "orders": self.orders,
            "estimates": self.estimates,
            "missing": [asdict(each) for each in self.missing],
            "tfidf": self.tfidf,
            "tasks": tasks
            and {
                "names": list(tasks.tasks),
                "matrix": tasks.matrix.tolist(),
                "similarity": tasks.similarity,
                "entries": list(tasks.entries),
            },
            "families": self.families,
            "prompts": {target: str(path) for target, path in self.prompts.items()},
            "summary": self.summary(),
        }

    def summary(self) -> dict[str, Any]:
        """The tables, tests and the verdict as a JSON-serialisable dict."""
        values = {
            "table": asdict(self.table),
            "gains": {method: gain.to_json() for method, gain in self.gains.items()},
            "by_order": {
                order: {str(k): gain.to_json() for k, gain in gains.items()}
                for order, gains in self.gains_by_order().items()
            },
            "tfidf": self.tfidf,
            "relative": self.relative,
            "significance": {name: asdict(test) for name, test in self.significance.items()},
            "ranking": {order: quality.to_json() for order, quality in self.ranking.items()},
            "left_out": list(self.left_out),
            "missing": [asdict(each) for each in self.missing],
            "prompts": {target: str(path) for target, path in self.prompts.items()},
            "verdict": self.verdict.to_json(),
        }
        result: dict[str, Any] = without_nan(values)
        return result

    @classmethod
    def from_json(cls, content: Mapping[str, Any], folder: Path | None = None) -> Study:
        """The inverse of `to_json`; the summary is computed anew."""
        tasks = content["tasks"]
        return cls(
            model=content["model"],
            fingerprint=content["fingerprint"],
            similarity=content["similarity"],
            ks=tuple(content["ks"]),
            metrics=content["metrics"],
            runs=tuple(StudyRun.from_json(run) for run in content["runs"]),
            orders=content["orders"],
            estimates=content["estimates"],
            missing=tuple(Missing(**each) for each in content["missing"]),
            tfidf=content["tfidf"],
            tasks=tasks
            and TaskSimilarity(
                tuple(tasks["names"]),
                np.asarray(tasks["matrix"], np.float64),
                tasks["similarity"],
                tuple(tasks["entries"]),
            ),
            families=content["families"],
            prompts={target: Path(path) for target, path in content["prompts"].items()},
            folder=folder,
        )


def write_study(study: Study, folder: Path) -> Study:
    """Write the study to study.json in the folder; the study that knows it."""
    content = json.loads(json.dumps(study.to_json(), allow_nan=False))
    content["checksum"] = sha256_hex(canonical_json(content))
    text = json.dumps(content, ensure_ascii=False) + "\n"
    replace_file(folder / STUDY_FILE, text.encode())
    return replace(study, folder=folder)


def read_study(folder: Path) -> Study:
    """The study of a folder. Raises SpotError for a file that is not there, is none of a study, or was
    changed since.
    """
    path = folder / STUDY_FILE if folder.is_dir() else folder
    hint = "name the folder that `spot study` names"
    try:
        content = read_json(path, LIMIT)
    except FileNotFoundError as error:
        raise SpotError(f"expected the result of a study, found no {path}", hint) from error
    except (OSError, ValueError) as error:
        raise SpotError(f"{path}: expected the result of a study ({error})", hint) from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise SpotError(
            f"{path}: expected the result of a study of format {FORMAT}, found {shown(found)}",
            "repeat the study: its runs are found again",
        )
    checksum = content.pop("checksum", None)
    if checksum != sha256_hex(canonical_json(content)):
        raise SpotError(
            f"{path}: the content does not match its own checksum: it was changed",
            "repeat the study: its runs are found again",
        )
    return Study.from_json(content, path.parent)


def reordered(record: TransferRecord, scores: Mapping[str, float]) -> TransferRecord:
    """The record with another similarity of its source, where it has one."""
    if record.strategy in SINGLE and record.source is not None:
        return replace(record, similarity=scores[record.source])
    return record


def best_of(records: Sequence[TransferRecord], ks: Sequence[int]) -> dict[int, MethodScores]:
    """The scores of the best of the top k, for every k."""
    _, _, methods = method_scores(records, ks=ks)
    return {scores.k: scores for scores in methods if scores.method == BEST and scores.k}
