"""Results of commands, written out by hand, so that what is printed of them can be compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from bank.entry import Backbone, Entry, Prompts
from bank.evaluation import Evaluation as RetrievalEvaluation
from bank.importing import ImportReport
from bank.nearest import Hit, SearchResult
from bank.outcomes import Outcome
from spot.analysis.analysis import Analysis
from spot.analysis.finding import Bars, Table
from spot.analysis.finding import Finding as FindingOfPart
from spot.commands.doctor import Finding
from spot.models.counts import Counts
from spot.models.defaults import LM_ADAPTED, NANO
from spot.models.known import KnownModel
from spot.prompts.prefix import PREFIX
from spot.prompts.prompt import SoftPrompt
from spot.retrieval.target import Answer
from spot.serving.ensemble import Disagreement
from spot.serving.files import PredictedFile
from spot.serving.predicting import Prediction
from spot.serving.scoring import TemplateSweep
from spot.serving.web.catalogue import Catalogue, Served
from spot.strategies.combination import CombinationReport, Scored
from spot.strategies.length import LengthReport, LengthTrial
from spot.strategies.start import SCRATCH, Start
from spot.strategies.transfer import Run, TransferReport
from spot.study.baselines import Baselines
from spot.study.comparison import Comparison, Gap, Reference, Variant
from spot.study.comparison import Row as ComparedRow
from spot.study.comparison import Trial as ComparedTrial
from spot.study.distillation import Distillation, Line
from spot.study.matrix_cells import BARE, SeedScore, TaskMatrix
from spot.study.matrix_cells import Cell as MatrixCell
from spot.study.matrix_cells import Gap as MatrixGap
from spot.study.matrix_cells import Score as MatrixScore
from spot.study.methods.method import Row, Trial
from spot.study.records import TransferRecord
from spot.study.result import Missing, Study, StudyRun
from spot.study.starts import StartComparison, StartRow
from spot.study.statistics import Interval
from spot.tasks.inspection import Conflict, LabelReport, TableReport
from spot.training.build import BuildReport
from spot.training.evaluate import Evaluation
from spot.training.fine_tuning import FineTuned
from spot.training.meta.start import LearnedStart
from spot.training.slots import Check, Slot, Trained
from spot.verdicts.nearness import judge_nearness
from spot.verdicts.sample import Sample
from spot.verdicts.verdict import Verdict
from tests.toys import tiny_config

BACKBONE = Backbone("nano", "0123456789abcdef" * 4)
PROMPT = np.arange(6, dtype=np.float32).reshape(2, 3)
ANALYSIS = Analysis(
    prompt="news-s0-1111",
    kind="prefix",
    model="nano",
    task="news",
    split="test",
    n=128,
    seed=0,
    findings=(
        FindingOfPart(
            "norms",
            "how large its rows are",
            (Table("norms", ("rows of", "mean norm "), (("prompt", 43.73), ("start", None))),),
            (Bars("Mean norms", "norm", ("prompt", "start"), (43.73, None)),),
            ("rows are smaller than embeddings",),
        ),
    ),
    skipped={"gate": "news-s0-1111 adds no columns to attention"},
)
OUTCOMES = (
    Outcome(
        "news-s0-1111", "boolq", "best", 0, "accuracy", 61.25, 55.0, "test", 128, low=2.5, high=10.0
    ),
    Outcome("news-s0-1111", "boolq", "best", 1, "accuracy", 60.0, 55.0, "test", 128),
    Outcome("rte-s0-2222", "boolq", "best", 1, "accuracy", 50.0),
)


def entry(id: str, **changes: object) -> Entry:
    """An entry of one prompt of the task "news"."""
    values: dict[str, object] = {
        "id": id,
        "kind": "task",
        "task": "news",
        "members": (),
        "family": "topic",
        "seed": 0,
        "backbone": BACKBONE,
        "recipe": {"init": "vocab", "prompt_length": 2},
        "key_step": 60,
        "value_step": 80,
        "scores": {"validation": {"metric": "accuracy", "value": 87.5, "n": 128}},
        "data": "feed",
        "code": "0.1.0",
        **changes,
    }
    return Entry(**values)  # type: ignore[arg-type]


ENTRIES = (
    entry("news-s0-1111"),
    entry(
        "news+rte-s0-3333",
        kind="mixture",
        task="news+rte",
        members=("news", "rte"),
        family="",
        key_step=None,
        value_step=None,
        scores={},
    ),
)
SERVICE: Any = SimpleNamespace(
    model_name="nano",
    answered=1234,
    lost=0,
    catalogue=Catalogue(
        {
            "news-s0-1111": Served(
                ENTRIES[0],
                SimpleNamespace(task=SimpleNamespace(columns=("title", "body"))),  # type: ignore[arg-type]
                SoftPrompt.of(PREFIX, PROMPT),
                PROMPT,
                ("news-s0-1111", ()),
            )
        }
    ),
)
PROMPTS = Prompts(PROMPT, PROMPT + 1, None)
DAMAGED = (("rte-s0-2222", "entry.json is not JSON"),)


def bank(path: str = "spot-bank") -> SimpleNamespace:
    """The part of a bank that screens read: its path and its entries."""
    return SimpleNamespace(path=Path(path), entries=lambda: list(ENTRIES))


BUILD = BuildReport(("news-s0-1111",), ("rte-s0-2222",), ("qqp-s0-4444",))
NOTHING_BUILT = BuildReport((), ("news-s0-1111", "news+rte-s0-3333"), ())
HITS = (
    Hit(1, "news-s0-1111", "news", 0, "topic", "task", 0.87654, 2, 0.01234),
    Hit(2, "news+rte-s0-3333", "news+rte", 0, "", "mixture", -0.5),
)
DOUBT = "recipes differ in warmup_steps: 10 and 20"
NEAR = judge_nearness("news", 0.87654, [0.1, 0.2, 0.3, 0.4, 0.5])
FAR = judge_nearness("news+rte", -0.5, [0.1, 0.2, 0.3, 0.4, 0.5], "task-vector")
ANSWER = Answer("boolq", (), (), SearchResult(HITS, (DOUBT,), "average", 9), OUTCOMES, NEAR)
SINGLE_ANSWER = Answer("boolq", (), (), SearchResult(HITS[1:], (), "task-vector", 1), (), FAR)


def run(start: Start, seed: int, validation: float, test: float) -> Run:
    """A run of 5 test rows."""
    return Run(
        start=start,
        seed=seed,
        learning_rate=0.3,
        step=40,
        validation=validation,
        prompt=SoftPrompt.of(PREFIX, PROMPT),
        history=tuple(
            Check(step, 50.0 + (validation - 50.0) * step / 40, 0.5, {}, 64, valid, valid / 2)
            for step, valid in ((0, 87.5 if start is NEWS else 25.0), (20, 100.0), (40, 100.0))
        ),
        test=test,
        test_metrics={"accuracy": test},
        n_test=5,
    )


NEWS = Start("best", "news-s0-1111", "news", 0.5)


def transfer(*gains: float) -> TransferReport:
    """A seed each of these gains over 60 from scratch."""
    baseline = tuple(run(Start(SCRATCH), seed, 62.0, 60.0) for seed in range(len(gains)))
    transferred = tuple(run(NEWS, seed, 70.0, 60.0 + gain) for seed, gain in enumerate(gains))
    return TransferReport(
        "boolq",
        "accuracy",
        "best",
        baseline,
        transferred,
        (*baseline, *transferred),
        Path("spot-runs/transfer/boolq-0123"),
        (min(gains) - 1.0, max(gains) + 1.0),
        58.0,
        Verdict(
            "helped" if min(gains) > 0 else "hurt", "transfer did something", {"gain": sum(gains)}
        ),
        50.0,
    )


def scored(name: str, test: float) -> Scored:
    """A prompt on 5 test rows."""
    bounds = {"accuracy": (test - 5, test + 5)}
    return Scored(name, 75.0, Evaluation(test, {"accuracy": test}, 5, (), bounds))


SUM = entry(
    "moods-s0-5555",
    kind="combination",
    task="moods",
    members=("news", "rte"),
    recipe={"combination": {"sums": [[["news-s0-1111", 0.5], ["rte-s0-2222", -1.0]]]}},
)
COMBINED = CombinationReport(
    target="boolq",
    metric="accuracy",
    item=(SUM, PROMPTS),
    expression="0.5*news - rte",
    rows=32,
    trials=47,
    combined=scored("moods", 61.25),
    parts=(scored("news", 60.0), scored("rte", 50.0)),
    bare=scored("without a prompt", 55.0),
    best="news",
    best_id="news-s0-1111",
    tfidf=58.0,
    verdict=Verdict("no difference", "the combination did something", {"gain": 1.25}),
)


def length_trial(
    way: str, length: int, score: float, seconds: float | None, test: bool = False
) -> LengthTrial:
    """Two seeds of one length."""
    scores = np.array([score - 1, score + 1])
    sample = Sample(scores, np.array([scores - 2, scores + 2]).T)
    trained = (replace(TRAINED, history=(Check(40, score, 0.5, {}, 64),)),) * 2
    return LengthTrial(way, length, trained, sample, 80, seconds, sample if test else None)


def length() -> LengthReport:
    """Two ways; the shorter prompt of one is chosen."""
    short, long = (
        length_trial("shortest-first", 2, 70.0, 3.5, True),
        length_trial("shortest-first", 4, 71.0, 4.0),
    )
    pruned = length_trial("prune", 4, 72.0, None, True)
    return LengthReport(
        target="boolq",
        metric="accuracy",
        trials=(short, long, pruned),
        by_way={"shortest-first": short, "prune": pruned},
        chosen=short,
        best=pruned,
        n=5,
        tfidf=58.0,
        verdict=Verdict("at chance", "the length did something", {"score": 70.0}),
        prompt=SoftPrompt.of(PREFIX, PROMPT),
        folder=Path("spot-runs/length/boolq-0123"),
    )


def records() -> list[TransferRecord]:
    """Two targets, two seeds, two sources."""
    return [
        TransferRecord(
            target,
            seed,
            source,
            source and source[:3],
            similarity,
            test - 1,
            test,
            "oracle" if source else "none",
        )
        for target, base in (("boolq", 50.0), ("rte", 100.0))
        for seed in (0, 1)
        for source, similarity, test in (
            (None, None, base),
            ("news-s0-1111", 0.9, base - 2 + seed),
            ("qqp-s0-4444", 0.1, base - 4 * seed),
        )
    ]


def study() -> Study:
    """The study of `records`, whose third target was interrupted."""
    near = {"news-s0-1111": 0.9, "qqp-s0-4444": 0.1}
    targets = ("boolq", "rte")
    rest = TransferRecord("cb", 0, None, None, None, 60.0, 61.0, "none")
    rows = [*records(), rest]
    return Study(
        model="nano",
        fingerprint=BACKBONE.fingerprint,
        similarity="average",
        ks=(1, 2),
        metrics={"boolq": "accuracy", "rte": "accuracy", "cb": "accuracy"},
        runs=tuple(StudyRun(row, 0.3, 20, {"accuracy": row.test}, 5, None, ()) for row in rows),
        orders={"average": dict.fromkeys((*targets, "cb"), near)},
        estimates={
            "zero-shot loss": {target: {k: -v for k, v in near.items()} for target in targets}
        },
        missing=(Missing("cb", "the run from news-s0-1111, seed 0,", "the loss was not finite"),),
        tfidf={"boolq": 55.0, "rte": 60.0},
        prompts={"boolq": Path("spot-runs/study/boolq-0123/best.safetensors")},
        folder=Path("spot-runs/study/results-0123"),
    )


def trial(seed: int | None, test: float, **more: Any) -> Trial:
    """A trial of 3 test rows."""
    return Trial(seed, test, {"accuracy": test}, ("yes", "no", "no"), **more)


FROZEN, PROMPT_COUNTS = Counts(0, 6_000_000), Counts(2560, 6_000_000)
BASELINES = Baselines(
    "boolq",
    "accuracy",
    (
        Row("zero-shot", 0, FROZEN, (trial(None, 50.0),), (40.0, 60.0)),
        Row(
            "few-shot",
            4,
            FROZEN,
            (trial(0, 52.0, examples=2.5), trial(1, 54.0, examples=2.5)),
            (43.0, 63.0),
            (-1.0, 7.0),
        ),
        Row(
            "prompt-tuning",
            0,
            PROMPT_COUNTS,
            (trial(0, 60.0), trial(1, 64.0)),
            (50.0, 72.0),
            (2.0, 22.0),
        ),
        Row("model-tuning", 0, Counts(6_000_000, 0), (trial(0, 70.0),), (58.0, 82.0), (8.0, 32.0)),
        Row(
            "probe",
            0,
            Counts(321, 6_000_000),
            (trial(None, 58.0, choices={"C": 0.01}),),
            (48.0, 68.0),
            (-2.0, 18.0),
            note="C was chosen over 3 folds, not 5: a class has 3 training rows",
        ),
        Row(
            "knn-lm",
            0,
            PROMPT_COUNTS,
            (
                trial(0, 61.0, choices={"lambda": 0.25, "k": 5, "tau": 96.0}),
                trial(1, 63.0, choices={"lambda": 0.25, "k": 25, "tau": 96.0}),
            ),
            (51.0, 71.0),
            (1.0, 21.0),
            prompt="prompt-tuning",
        ),
        Row("tfidf", 0, None, (trial(None, 55.0),), (45.0, 65.0), (-5.0, 15.0)),
    ),
    Path("spot-runs/baselines/boolq"),
    Verdict("at chance", "at chance: accuracy 70.0 by model tuning", {"score": 70.0}),
    {"class-mean": "not every training row of boolq has a class"},
)
DISTILLATION = Distillation(
    "boolq",
    "accuracy",
    "cross-entropy:distil=0.5,temperature=2",
    (
        Line("generation 0", "", 300, (trial(0, 60.0, validation=61.0),), (50.0, 70.0)),
        Line(
            "generation 1",
            "tuned",
            300,
            (trial(0, 62.0, validation=63.0), trial(1, 64.0, validation=63.0)),
            (52.0, 74.0),
            (-1.0, 7.0),
        ),
    ),
    (),
    Path("spot-runs/distilled/boolq"),
    Verdict("at chance", "at chance: accuracy 63.0 by generation 1", {"score": 63.0}),
)


def compared_row(kind: str, test: float, validation: float, interval: tuple[float, float], **more):
    """A row of the comparison below."""
    return ComparedRow(
        "nano",
        6_000_000,
        ("rte",),
        "accuracy",
        Variant(kind, "cross-entropy", "vocab", 20),
        tuple(ComparedTrial(seed, test + 2 * seed - 1, validation, 40) for seed in (0, 1)),
        interval,
        100,
        5120,
        0.0125,
        95_000_000,
        learning_rate=0.3,
        prompt=Path(f"{kind}.safetensors"),
        **more,
    )


def matrix_cell(source, task, f1, accuracies, kind, words="own words", **more):
    """A cell of a matrix with these accuracies, one a seed."""
    mean = sum(accuracies) / len(accuracies)
    deviation = None if len(accuracies) == 1 else abs(accuracies[0] - accuracies[1]) / 2**0.5
    main = MatrixScore((f1 + mean) / 2, deviation, mean - 4, mean + 4, 74.0, "yes")
    metrics = {
        "f1": MatrixScore(f1, deviation, f1 - 5, f1 + 5, 81.25, "yes"),
        "accuracy": MatrixScore(mean, deviation, mean - 3, mean + 3, 68.5, "yes"),
    }
    seeds = tuple(
        SeedScore(None if source == BARE else seed, each, {"f1": f1, "accuracy": each})
        for seed, each in enumerate(accuracies)
    )
    verdict = Verdict(kind, f"{kind}: f1+accuracy from {source}", {"score": main.mean})
    return MatrixCell(source, task, words, 408, main, metrics, seeds, verdict, **more)


MATRIX = TaskMatrix(
    ("qqp", "mnli"),
    ("mrpc", "qqp"),
    "test",
    "source",
    (
        matrix_cell(BARE, "mrpc", 20.0, (40.0,), "at chance"),
        matrix_cell(
            "qqp", "mrpc", 82.0, (70.0, 74.0), "above chance",
            "text of the source, label words of the source by index",
            over_bare=Interval(47.0, 40.0, 54.0, 0.95),
        ),
        matrix_cell(BARE, "qqp", 50.0, (60.0,), "too few rows"),
        matrix_cell(
            "qqp", "qqp", 81.0, (84.0, 86.0), "above chance", in_domain=True,
            over_bare=Interval(28.0, 21.0, 35.0, 0.95),
        ),
    ),
    (
        MatrixGap("mnli", "mrpc", "3 classes against 2"),
        MatrixGap("mnli", "qqp", "3 classes against 2"),
    ),
)  # fmt: skip


COMPARISON = Comparison(
    (
        compared_row(
            "prefix",
            71.0,
            72.0,
            (60.0, 80.0),
            verdict=Verdict("above chance", "above chance: accuracy 71.0", {"score": 71.0}),
            rates={0.3: 72.0, 1.0: None},
        ),
        compared_row(
            "suffix",
            75.0,
            70.0,
            (66.0, 84.0),
            verdict=Verdict("better", "suffix is better than prefix", {"difference": 4.0}),
            difference=Interval(4.0, 1.0, 7.0, 0.95),
            rates={0.3: 70.0, 1.0: 69.0},
        ),
    ),
    (Reference("nano", ("rte",), "no prompt", 55.0, (45.0, 65.0), 100),),
    (Gap("nano", "rte", Variant("pool:size=2", "cross-entropy", "vocab", 20), "it cannot | be"),),
)
CHECK = Check(40, 87.5, 0.25, {"accuracy": 87.5}, 128)
TRAINED = Trained(
    Slot("news", None, 0, PROMPT, 0.3),
    PROMPT,
    PROMPT,
    PROMPT,
    CHECK,
    (CHECK,),  # type: ignore[arg-type]
    verdict=Verdict("above chance", "above chance: accuracy 87.5", {"score": 87.5}),
)
TUNED = FineTuned({}, 0.003, CHECK, (CHECK,))
EVALUATION = Evaluation(
    65.0,
    {"accuracy": 70.0, "f1": 60.0},
    10,
    ("yes",),
    {"accuracy": (40.0, 90.0), "f1": (30.0, 85.0)},
    58.0,
    Verdict("above chance", "above chance: accuracy+f1 65.0", {"score": 65.0}),
)
SWEEP = TemplateSweep({"t5": EVALUATION, "flan": EVALUATION}, "t5", EVALUATION)
PREDICTIONS = (
    Prediction("a text", "yes", {"no": 0.25, "yes": 0.75}),
    Prediction("another", "a [bold] :cat: answer", {}),
)
VOTED = (
    Prediction(
        "a text",
        "yes",
        {"no": 0.25, "yes": 0.75},
        0.5,
        {"no": 1, "yes": 2},
        2 / 3,
        ("yes", "yes", "no"),
    ),
    Prediction("another", "cat", {}, None, {"cat": 3}, 1.0, ("cat", "Cat", "cat")),
)
SHARES = {"no": "p_no", "yes": "p_yes"}
LABELLED = PredictedFile(Path("answers.csv"), 1200, "prediction", SHARES, "label", 1000, 912)
APART = Disagreement(rows=1200, pairs=3600, apart=450, agreed=(1100, 1150, 1020))
VOTED_FILE = PredictedFile(
    Path("answers.csv"), 1200, "label", SHARES,
    margin="margin", agreement="agreement", bad_rows=Path("bad.csv"), skipped=3, disagreement=APART,
)  # fmt: skip
EQUAL_FILE = PredictedFile(
    Path("answers.csv"), 2, "answer", {}, agreement="agreement", bad_rows=Path("bad.csv"), skipped=1,
    disagreement=Disagreement(rows=2, pairs=2, apart=0, agreed=(2, 2)),
)  # fmt: skip
WRITTEN = PredictedFile(Path("answers.jsonl"), 3, "answer", {})


def task(name: str, missing: str | None = None) -> SimpleNamespace:
    """The part of a task that screens read."""
    return SimpleNamespace(
        name=name,
        family="topic",
        labels=("bad", "good"),
        metrics=("accuracy", "f1"),
        scoring="rank",
        splits=("train", "validation", "test"),
        split_rule="test cut from train",
        license="CC0",
        source="local" if missing else "",
        available=lambda: missing,
        rows=lambda split: {"train": 80, "validation": 10, "test": 12}[split],
    )


ABSENT = "no folder of local data is named"
TASKS = (task("mine"), task("sst2", ABSENT), task("rte", ABSENT))
TINY = tiny_config()
MODELS = (
    KnownModel("spot-nano", "T5", 6_123_456, 128, (4, 4), "stored", Path("nano"), TINY, None, NANO),
    KnownModel(
        "google/t5-base-lm-adapt",
        "T5",
        220_000_000,
        768,
        (12, 12),
        "safetensors",
        None,
        TINY,
        None,
        LM_ADAPTED,
    ),
    KnownModel(
        "gs://x", "T5", 77_000_000, 512, (8, 8), "T5X", None, TINY, "gs://vocabulary", LM_ADAPTED
    ),
)
IMPORT = ImportReport(BACKBONE, ("news-s0-1111",), (), (("odd.npy", "holds no prompt"),), 3)
RETRIEVAL = (
    RetrievalEvaluation("average", 17, 0.647, 0.8, 3.28, 0.4, 0.06, 0.18, 7.5, ()),
    RetrievalEvaluation("centered", 17, 0.706, 0.9, 2.98, None, 0.06, 0.18, 7.5, ()),
)
TABLE = TableReport(
    name="tickets",
    files={"train": Path("tickets.csv"), "test": Path("test.csv")},
    columns=("subject", "body", "queue"),
    text="body",
    title="",
    label="queue",
    guessed=("label",),
    unused=("subject",),
    labels=(
        LabelReport("billing", "billing", {"train": 80, "validation": 20, "test": 25}, 2),
        LabelReport("Bug", "Bug", {"train": 40, "validation": 10, "test": 15}, 1),
    ),
    rows={"train": 120, "validation": 30, "test": 40},
    removed=3,
    repeated=0,
    conflicts=(Conflict("it is broken", {"billing": 1, "Bug": 2}),),
    alike=(),
    split_rule="validation is the first fifth of each class of train",
    error=12.396,
    apart=17.53,
    most_frequent=62.5,
    notes=("3 rows of train left out: test has the same texts",),
)
FINDINGS = (
    Finding("device", True, "1 x cpu (cpu)"),
    Finding("model", False, "no such folder", "check model.name"),
)


def held_out(
    target: str, start: str, shift: float, interval: tuple[float, float] | None
) -> StartRow:
    """The runs of two seeds on a held-out task."""
    runs = tuple(run(Start(start), seed, 60.0 + shift, 55.0 + shift + seed) for seed in (0, 1))
    curve = tuple((check.step, check.score, 1.5) for check in runs[0].history)
    return StartRow(target, start, runs, curve, interval)


LEARNED = LearnedStart(
    entry(
        "news+rte-s0-3333", kind="meta", scores={"validation": {"value": 62.5, "inner_steps": 5}}
    ),
    Prompts(PROMPT, PROMPT, PROMPT),
    SoftPrompt.of(PREFIX, PROMPT),
    Check(20, 62.5, 0.5, {}, 64),
    (Check(0, 55.0, 0.75, {}, 64), Check(20, 62.5, 0.5, {}, 64)),
)


STARTS = StartComparison(
    tuple(
        held_out(target, name, shift, interval)
        for target in ("boolq", "rte")
        for name, shift, interval in (("scratch", 0.0, None), ("learned (maml)", 4.0, (1.0, 7.0)))
    ),
    {"boolq": "accuracy", "rte": "accuracy"},
    {
        "boolq": Verdict("helped", "transfer helped: +4.0 points", {"gain": 4.0}),
        "rte": Verdict("no difference", "no difference that 2 seeds and 128 rows can show", {}),
    },
    {"boolq": (1.0, -2.0, 4.0), "rte": (-1.0, -4.0, 2.0)},
    Path("spot-runs/starts/boolq+rte-1234"),
)
