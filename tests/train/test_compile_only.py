"""A step that is only compiled, and what is read from it."""

from ml_collections import ConfigDict

from train.collectives import collectives
from train.compile_only import compile_step, told
from train.mesh import make_mesh
from train.utilisation import peak_flops


def test_a_step_is_compiled_for_a_mesh_and_weighed(config: ConfigDict) -> None:
    small = compile_step(config, make_mesh())
    config.batch_size = 8
    large = compile_step(config, make_mesh())
    # float32 parameters, their average and two moments, each one filled-up vector.
    assert small.state > 4 * 4 * 3072
    images = 6 * 64 * 64 * 3
    assert images <= large.state - small.state < 1.01 * images
    assert large.temporary > small.temporary > 0
    # One gathering of the parameters, one scattered sum of the gradient and its sum over the rest.
    vector = (1, 4 * 3072)
    assert small.sent == {"all-gather": vector, "reduce-scatter": vector, "all-reduce": vector}


def test_collectives_are_counted_by_kind_with_the_bytes_of_their_results() -> None:
    program = """
      %all-gather.1 = f32[3072]{0} all-gather(%p), channel_id=1, dimensions={0}
      %all-reduce.7 = (f32[8]{0}, bf16[4,2]{1,0}) all-reduce(%a, %b), to_apply=%add
      %start = (f32[384]{0}, f32[3072]{0}) all-gather-start(%q), channel_id=2
      %done = f32[3072]{0} all-gather-done(%start)
      %fusion = f32[3072]{0} fusion(%all-gather.1), calls=%all-gather-fusion
      %send = (f32[9,8,128]{2,1,0:T(8,128)}, u32[], token[]) send(%shard, %after), channel_id=3
      %send-done = token[] send-done(%send), channel_id=3
    """
    assert collectives(program) == {
        "all-gather": (2, 2 * 4 * 3072),
        "all-reduce": (1, 32),
        "send": (1, 4 * 9 * 8 * 128),
    }


def test_the_peak_of_a_device_is_that_of_the_longest_name_that_fits() -> None:
    assert peak_flops("TPU v5 lite") == 197e12
    assert peak_flops("TPU v5p chip") == 459e12
    assert peak_flops("NVIDIA H200 141GB") == 989e12
    assert peak_flops("cpu") is None


def test_amounts_have_three_digits_and_a_prefix_that_suits_them() -> None:
    amounts = (0, 999, 1000, 36_900, 999_700, 144_548, 9.61e6, 16e9, 770e9, 7.69e12)
    expected = "0 B, 999 B, 1.00 kB, 36.9 kB, 1.00 MB, 145 kB, 9.61 MB, 16.0 GB, 770 GB, 7.69 TB"
    assert ", ".join(told(amount, "B") for amount in amounts) == expected
