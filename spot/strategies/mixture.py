"""Start from a prompt trained on the k nearest tasks and the target together (SPoT, section 4.2)."""

from __future__ import annotations

from dataclasses import replace

from spot.prompts.prompt import SoftPrompt
from spot.strategies.single import source
from spot.strategies.start import Situation, Start, Strategy, names_of
from spot.tasks.task import proportional_rates
from spot.training.batches import Source
from spot.training.build import new_slot
from spot.training.source import source_of


def _starts(situation: Situation) -> list[Start]:
    hits = situation.hits
    return [Start("mixture", None, names_of(hits), None, train_mixture(situation), len(hits))]


def train_mixture(situation: Situation) -> SoftPrompt:
    """The last prompt of training on the hits' tasks and the target; rates are in proportion to the
    training rows that are used.
    """
    target, model, recipe = situation.target, situation.model, situation.recipe
    tasks = {target.name: target}
    for hit in situation.hits:
        entry = situation.bank.get(hit.id)
        names = entry.members if entry.kind in ("meta", "combination") else (entry.task,)
        found = [task for name in names for task in source(name, situation)]
        tasks |= {task.name: task for task in found if task.name not in tasks}
    members = [source_of(task, model, recipe).members[0] for task in tasks.values()]
    sizes = {member.definition.name: len(member.train) for member in members}
    rows = Source("+".join(sizes), tuple(members), proportional_rates(sizes))
    title = f"mixture for {target.name}"
    slot = new_slot(model, rows, recipe, situation.search.seeds[0], situation.bank)
    slot = replace(slot, name=title)
    return situation.runs.train_prompts(model, [slot], recipe, title=title, validate=False)[0].last


MIXTURE = Strategy(
    "mixture",
    "from a prompt of the k nearest tasks and the target",
    _starts,
    wants_values=False,
    combines=True,
)
