"""The programs of training and of scoring, lowered from shapes alone.

Nothing is allocated and no weights are read: the arguments are shapes, `jax.ShapeDtypeStruct`s. The
programs are those that run, for the functions that are lowered are those that `train_step` and scoring
call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jax.stages import Compiled, Lowered

from spot.models import scoring
from spot.models.config import ModelConfig, Precision
from spot.models.decoder import Packed
from spot.models.layers import ProductForm, RowKeys
from spot.models.model import Model
from spot.models.network import Network, outline
from spot.models.padding import bucket_length
from spot.models.sharding import rows_of, rows_shared, slots_of, split, stored_shape
from spot.models.weights.build import weight_dtype
from spot.prompts.kind import Kind
from spot.prompts.stacked import SoftPrompts, stack
from spot.training.choices import Choices
from spot.training.fine_tuning import weight_step
from spot.training.losses import DEFAULT, find_loss
from spot.training.optim import scaled_adafactor
from spot.training.parts import layout
from spot.training.recipe import TrainSettings
from spot.training.slots import Slot
from spot.training.step import gradient, init_state, update

LABELS = (4, 4)
"""Label words that rows are scored with, and tokens of each, where no task is known."""

Partition = Callable[[Mesh, int], PartitionSpec]
"""Of arrays by the length of their leading axis: `rows_of` or `slots_of`."""


@dataclass(frozen=True)
class Shape:
    """The sizes that the programs of a step are compiled for: S prompts of `length` tokens, each with
    `rows` rows in a part of a batch, of `text` tokens and `target` target tokens.
    """

    kind: Kind
    slots: int
    length: int
    rows: int
    text: int
    target: int


def struct(array: Any, mesh: Mesh | None = None, spec: PartitionSpec | None = None) -> Any:
    """The shape and dtype of an array; on a mesh it is split as `spec` says, or whole on every device."""
    sharding = None if mesh is None else NamedSharding(mesh, spec or PartitionSpec())
    return jax.ShapeDtypeStruct(np.shape(array), array.dtype, sharding=sharding)


def structs(tree: Any, mesh: Mesh | None, partition: Partition) -> Any:
    """As `struct`, of every array of a tree; on a mesh split by its leading axis."""

    def one(array: Any) -> Any:
        return struct(array, mesh, None if mesh is None else partition(mesh, array.shape[0]))

    return jax.tree.map(one, tree)


def abstract_network(
    config: ModelConfig, precision: Precision, form: ProductForm, mesh: Mesh | None = None
) -> Network:
    """A network whose weights are shapes, in the dtypes of a loaded one, split over the axis `model`."""
    state = outline(config, form)[1]
    for path, leaf in nnx.to_flat_state(state):
        name = "/".join(map(str, path))
        devices = mesh.shape["model"] if mesh else 1
        shape = stored_shape(name, leaf.shape, devices)
        spec = split(config, name, shape, devices)
        own = jax.ShapeDtypeStruct(shape, weight_dtype(name, precision))
        leaf.set_value(struct(own, mesh, spec))
    return Network(config, form, state, mesh)


def abstract_prompts(
    kind: Kind, slots: int, length: int, config: ModelConfig, mesh: Mesh | None = None
) -> SoftPrompts:
    """S prompts of a kind as shapes, from P tokens and the architecture."""
    every = {
        name: jax.ShapeDtypeStruct((slots, *shape), jnp.float32)
        for name, shape in kind.shapes(length, config).items()
    }
    return SoftPrompts(kind, structs(every, mesh, slots_of))


def full_part(
    config: ModelConfig, shape: Shape, mesh: Mesh | None = None, loss: str = DEFAULT
) -> Any:
    """A part of a batch, laid out as in training, whose texts and targets are as long as they may be; a loss
    that compares label words has LABELS of them.
    """
    batch = tuple(
        np.ones((shape.slots * shape.rows, length), np.int32)
        for length in (shape.text, shape.target)
    )
    divide = layout(config, shape.kind, rows_shared(mesh))
    texts, targets = divide(batch, shape.slots, batch[0].size)[0]  # type: ignore[arg-type, call-arg]
    chosen = find_loss(loss)
    if not chosen.chooses:
        return texts, targets
    rows, classes = len(targets), LABELS[0]
    teacher = np.zeros((rows, classes), np.float32) if chosen.taught else None
    return texts, Choices(np.ones((rows, *LABELS), np.int32), np.zeros(rows, np.int32), teacher)


def lower_gradient(
    network: Network,
    prompts: SoftPrompts,
    part: tuple[Any, Any],
    loss: str = DEFAULT,
    mesh: Mesh | None = None,
) -> Lowered:
    """The gradient of one part of a batch. All arguments may be arrays or shapes; on a mesh, network and
    prompts are shapes of that mesh. There is dropout where the network has some.
    """
    keys = None
    if network.config.dropout > 0:
        keys = structs(
            jax.eval_shape(lambda: jax.random.split(jax.random.key(0), prompts.size)),
            mesh,
            slots_of,
        )
    part = structs(part, mesh, rows_of)
    if keys is not None and not isinstance(part[0], Packed):
        row = structs(np.zeros(part[0].shape[0], np.int32), mesh, rows_of)
        keys = RowKeys(keys, row, row)
    return gradient.lower(network, prompts, part, keys, loss=find_loss(loss))


def lower_update(
    settings: TrainSettings, prompts: SoftPrompts, mesh: Mesh | None = None
) -> Lowered:
    """The optimiser's step of S prompts."""
    rates = jax.ShapeDtypeStruct((prompts.size,), jnp.float32)
    present = jax.ShapeDtypeStruct((prompts.size,), bool)
    state = jax.eval_shape(lambda *of: init_state(settings, *of), prompts.params, rates)
    state, total, losses, present = structs((state, prompts.params, rates, present), mesh, slots_of)
    return update.lower(state, total, losses, present, settings=settings, kind=prompts.kind)


def lower_encode(
    network: Network, prompts: SoftPrompts | None, texts: Any, mesh: Mesh | None = None
) -> Lowered:
    """Reading texts [B, T] behind one prompt (S = 1), to score or to write what follows."""
    return scoring.encode.lower(network, prompts, structs(texts, mesh, rows_of))


def lower_rank(
    network: Network, encode: Compiled, labels: Any, mesh: Mesh | None = None
) -> Lowered:
    """The log-likelihoods of label words [C, T'] after texts that the program `encode` has read."""
    encoded = jax.tree.map(
        lambda array, sharding: jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=sharding),
        encode.out_info,
        encode.output_shardings,
    )
    return scoring.rank.lower(network, encoded, struct(labels, mesh), normalisation="sum")


def program_bytes(program: Compiled) -> int:
    """Bytes that one run of a program takes beside its arguments, on each device."""
    memory: Any = program.memory_analysis()
    results = memory.output_size_in_bytes - memory.alias_size_in_bytes
    return int(memory.temp_size_in_bytes + results)


def scoring_need(model: Model, slots: Sequence[Slot]) -> int:
    """Bytes that scoring the validation rows of these slots takes on each device; compiles the largest
    programs.
    """
    network, prompts = model.network, stack([slots[0].init])
    widest: dict[Any, Any] = {}  # texts by the shape of their answers
    for member in {id(each): each for slot in slots for each in slot.source.members}.values():
        if member.definition.scoring == "rank":
            answers: Any = scoring.label_words(member.labels).shape
        else:
            answers = bucket_length(int(member.validation.targets.lengths().max()))
        for _, batch in scoring.batches(network, member.validation.inputs):
            if answers not in widest or batch.shape[1] > widest[answers].shape[1]:
                widest[answers] = batch
    needs: list[int] = []
    for answers, texts in widest.items():
        read = scoring.encode.lower(network, prompts, texts).compile()
        encoded = jax.eval_shape(scoring.encode, network, prompts, texts)
        if isinstance(answers, tuple):
            words = jax.ShapeDtypeStruct(answers, jnp.int32)
            write = scoring.rank.lower(network, encoded, words, normalisation="sum")
        else:
            eos = model.vocabulary.eos
            write = scoring.generate.lower(network, encoded, length=answers, eos=eos)
        kept = sum(array.size * array.dtype.itemsize for array in jax.tree.leaves(encoded))
        needs += [program_bytes(read), kept + program_bytes(write.compile())]
    return max(needs, default=0)


def lower_weights(network: Network, batch: tuple[Any, Any], mesh: Mesh | None = None) -> Lowered:
    """A step of fine-tuning on a batch [B, T]; the network's weights are float32."""
    rate = jax.ShapeDtypeStruct((), jnp.float32)
    state = jax.eval_shape(lambda of: scaled_adafactor(1.0).init(of), network.parameters)
    key = jax.eval_shape(lambda: jax.random.key(0))
    step = jax.ShapeDtypeStruct((), jnp.int32)
    rows = structs(batch, mesh, rows_of)
    state, rate, key, step = jax.tree.map(
        lambda array: struct(array, mesh), (state, rate, key, step)
    )
    return weight_step.lower(network, state, rate, rows, key, step)
