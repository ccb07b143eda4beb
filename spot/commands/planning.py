"""--plan of the commands that train or evaluate: whether what they run fits on an accelerator."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spot.commands.options import Planned
    from spot.config import Config
    from spot.report.output import Output


def plan(what: Planned, accelerator: str, config: Config, out: Output) -> None:
    """Compile for an accelerator what a command would run with this config, and show whether it fits.

    No weights and no rows are read. Raises SpotError for an unknown accelerator, and for a model whose
    sizes are not known.
    """
    from spot.models.accelerators import find_topology
    from spot.report.console import progress
    from spot.report.fit import show_fit

    topology = find_topology(accelerator)
    with progress(out) as reporter:
        reporter.phase(f"compiling for {topology.name}, which may take minutes")
        from spot.models.known import architecture
        from spot.models.runtime import prepare
        from spot.training.fit import fit_scoring, fit_training, fit_tuning
        from spot.training.runs import slots_on

        prepare()
        model, precision = architecture(config.model), config.model.precision
        recipe, devices = config.recipe(), config.devices
        if what == "answers":
            fit = fit_scoring(topology, model, precision, recipe, devices)
        elif what == "weights":
            fit = fit_tuning(topology, model, recipe, devices)
        else:
            shared = devices.slot if devices.count > 1 else topology.count
            slots = (config.train.slots or slots_on(shared)) if what == "prompts" else 1
            fit = fit_training(topology, model, precision, recipe, slots, devices)
    show_fit(fit, out)
