"""The view of what fits on an accelerator, which every command with --plan shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spot.report.output import Output
    from spot.training.fit import Fit, Trial

GIB = 1 << 30


def show_fit(fit: Fit, out: Output) -> None:
    """The sizes, the layout and the programs of what was asked for and of what fits, and the verdict."""
    out.record(fit.to_json())
    accelerator = fit.topology.accelerator
    out.say(
        f"{fit.model} on {fit.topology.name}: {fit.topology.count} devices of {_gib(fit.memory)} GiB"
    )
    show_trial(fit, fit.asked, "asked for", out)
    if fit.fitting is not None and not fit.fits:
        show_trial(fit, fit.fitting, "fits", out)
    out.say(verdict(fit))
    if fit.fitting is None:
        return
    flops = sum(program.cost.flops * _times(fit, program.name) for program in fit.fitting.programs)
    out.say(
        f"a step is {_flops(flops)} a device: at least {flops / accelerator.flops:.2g} s at its peak of "
        f"{_flops(accelerator.flops)} a second"
    )
    axes = fit.fitting.devices.model_dump()
    out.say("run it with " + " ".join(f"--set devices.{axis}={n}" for axis, n in axes.items()))


def show_trial(fit: Fit, trial: Trial, what: str, out: Output) -> None:
    """A row a program: memory a device, FLOPs, communication, and the time of compiling."""
    shape, devices = trial.shape, trial.devices
    parts = fit.batch // shape.rows
    out.say(
        f"{what}: S {shape.slots}, B {fit.batch}{f' in {parts} parts' if parts > 1 else ''}, T {shape.text}, "
        f"P {shape.length}, targets {shape.target}; devices slot {devices.slot} x data {devices.data} x "
        f"model {devices.model}; weights {_gib(trial.weights)} GiB a device"
    )
    rows: list[tuple[object, ...]] = [
        (
            program.name,
            _gib(program.cost.arguments),
            _gib(program.cost.temporaries),
            _gib(program.cost.peak),
            _flops(program.cost.flops),
            ", ".join(
                f"{each.count} {each.kind} {_gib(each.bytes)} GiB"
                for each in program.cost.collectives
            )
            or "none",
            f"{program.seconds:.0f} s",
        )
        for program in trial.programs
    ]
    if trial.wanted:
        rows.append(("refused", None, None, _gib(trial.wanted), None, None, None))
    columns = (
        "program", "arguments GiB ", "temporaries GiB ", "peak GiB ", "FLOPs ", "communication", "compiled ",
    )  # fmt: skip
    out.table("", columns, rows)


def verdict(fit: Fit) -> str:
    """Whether it fits, and what does."""
    wants = f"{_gib(fit.asked.peak)} of {_gib(fit.memory)} GiB a device"
    if fit.fits:
        return f"fits: {wants}"
    if fit.fitting is None:
        return (
            f"does not fit: {wants}, nor does anything smaller that was tried; lower data.input_length or "
            "prompt.length, or name a larger slice"
        )
    shape, devices = fit.fitting.shape, fit.fitting.devices
    again = ", layers computed again for the gradient" if fit.fitting.remat else ""
    rows = (
        f"{shape.rows} rows a part" if shape.rows < fit.batch else f"{fit.batch} rows in one part"
    )
    return (
        f"does not fit: {wants}; S {shape.slots} with {rows} does, with weights over {devices.model} "
        f"device{'' if devices.model == 1 else 's'}{again}: {_gib(fit.fitting.peak)} GiB"
    )


def _times(fit: Fit, program: str) -> int:
    """How often a step runs a program: the gradient once for each part of a batch."""
    return fit.batch // fit.fitting.shape.rows if fit.fitting and program == "gradient" else 1


def _gib(size: int) -> str:
    """Bytes in GiB."""
    return f"{size / GIB:.3g}"


def _flops(count: float) -> str:
    """A number of FLOPs with a prefix.

    >>> _flops(3.35e12), _flops(2e9)
    ('3.35 TFLOP', '2 GFLOP')
    """
    for prefix, size in (("P", 1e15), ("T", 1e12), ("G", 1e9)):
        if count >= size:
            return f"{count / size:.3g} {prefix}FLOP"
    return f"{count / 1e6:.3g} MFLOP"
