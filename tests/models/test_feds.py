"""What is FEDS's own: attention as the last block of a teacher's stages, and none in a student."""

import jax
import jax.numpy as jnp
import numpy as np

from hcfss_jax.layers.area import example
from hcfss_jax.models import create_model
from hcfss_jax.models.feds import Attention
from tests.small_model import SMALL

TEACHER, STUDENT = "feds-tiny-teacher", "feds-tiny"


def test_attention_starts_as_its_skip():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 8, 12, 4)), jnp.float32)
    layer = Attention(2, 2, 4, 1, position_hidden=4)
    np.testing.assert_array_equal(jax.jit(layer.init_with_output)(jax.random.key(0), x)[0], x)


def test_a_stage_is_residual_blocks_and_then_attention():
    model = create_model(
        TEACHER, **SMALL[TEACHER] | {"blocks": (0, 1, 2), "attention_blocks": (2, 0, 1)}
    )
    shapes = jax.eval_shape(model.init, jax.random.key(0), *example(model))["params"]
    for transform in ("g_a", "g_s"):
        own = shapes[transform]
        blocks = {name: set(part) for name, part in own.items() if name.startswith("stage")}
        residual = {"conv1", "conv2"}
        assert blocks == {
            "stage1_block1": {"group"},
            "stage2_block1": residual,
            "stage3_block1": residual,
            "stage3_block2": residual,
            "stage3_block3": {"group"},
        }
        assert set(own["stage1_block1"]["group"]) == {"block1", "block2"}
        assert set(own["stage3_block3"]["group"]) == {"block1"}


def test_a_student_is_its_teacher_with_less_of_everything_and_no_attention():
    for of, by in ((STUDENT, TEACHER), ("feds-base", "feds-teacher")):
        student, teacher = create_model(of).config, create_model(by).config
        assert sum(student.slices) < sum(teacher.slices) and student.slices[0] == teacher.slices[0]
        assert not any(student.attention_blocks) and any(teacher.attention_blocks)
        assert all(a < b for a, b in zip(student.widths, teacher.widths, strict=True))
        assert sum(student.blocks) < sum(teacher.blocks)
