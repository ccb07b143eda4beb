"""Memory, FLOPs and communication of compiled programs, against numbers worked out by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from spot.training.cost import Collective, collectives, cost

# Communication in the entry, begun ahead of time, in a loop of three turns and in what the loop calls.
PROGRAM = """\
HloModule jit_step, is_scheduled=true

%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
}

%inner (x: bf16[4,8]) -> bf16[4,8] {
  ROOT %all-reduce.3 = bf16[4,8]{1,0:T(8,128)(2,1)} all-reduce(%x), channel_id=1, to_apply=%add
}

%body (state: (s32[], bf16[4,8])) -> (s32[], bf16[4,8]) {
  %call = bf16[4,8]{1,0} call(%state), to_apply=%inner
  %permuted = (f32[6]{0}, f32[6]{0}, u32[], u32[]) collective-permute-start(%call), channel_id=2
  %all = f32[6]{0} collective-permute-done(%permuted)
}

ENTRY %main (p: f32[16]) -> f32[] {
  %gathered = (f32[2]{0}, f32[16]{0}) all-gather-start(%p), dimensions={0}
  %done = f32[16]{0} all-gather-done(%gathered)
  %both = (f32[3]{0}, pred[5]{0}) all-reduce(%done, %p), to_apply=%add
  %while = (s32[], bf16[4,8]) while(%both), condition=%add, body=%body, TRIPS
}
""".replace("TRIPS", 'backend_config={"known_trip_count":{"n":"3"}}')


def test_communication_is_counted_by_kind_with_its_bytes():
    assert collectives(PROGRAM) == (
        Collective("all-gather", 1, 16 * 4),
        Collective("all-reduce", 1 + 3, 3 * 4 + 5 + 3 * 4 * 8 * 2),
        Collective("collective-permute", 3, 3 * 6 * 4),
    )


def test_a_program_without_communication():
    assert collectives("ENTRY %main (p: f32[16]) -> f32[] {\n  %x = f32[] add(%p, %p)\n}\n") == ()


def test_bytes_and_flops_of_a_product():
    left, right = (jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((32, 48), (48, 16)))
    found = cost(jax.jit(jnp.matmul).lower(left, right).compile())
    assert found.arguments == 4 * (32 * 48 + 48 * 16)
    assert (found.outputs, found.aliased, found.collectives) == (4 * 32 * 16, 0, ())
    assert found.flops == 2 * 32 * 48 * 16
    assert found.peak >= found.arguments + found.outputs


def test_what_lies_in_an_arguments_place_counts_once():
    def grown(x):
        return x + 1

    x = jax.ShapeDtypeStruct((256,), jnp.float32)
    found = cost(jax.jit(grown, donate_argnums=0).lower(x).compile())
    assert (found.arguments, found.outputs, found.aliased) == (1024, 1024, 1024)
    assert found.peak == 1024 + found.temporaries + found.code
