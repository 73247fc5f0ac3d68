"""The paper's two ideas against cases worked out by hand."""

import keras
import numpy as np
import pytest

from components.train.backbones.vit_small_data import (
    locality_self_attention,
    other_tokens,
    shifted_patch_tokens,
    shifted_patches,
    vit_small_data,
)

# One channel, four pixels a side, patches of two: shifts by one pixel.
IMAGE = np.arange(1, 17, dtype=np.float32).reshape(4, 4)


def patches_of(image: np.ndarray, patch_size_px: int) -> np.ndarray:
    inputs = keras.Input(image.shape)
    return keras.Model(inputs, shifted_patches(inputs, patch_size_px))(image[None]).numpy()[0]


def test_a_patch_holds_its_pixels_and_those_of_four_shifted_images():
    """The first patch, pixel by pixel: itself, then the image moved down right, down left, up right, up left."""
    expected = [
        [1, 0, 0, 0, 6],
        [2, 0, 0, 5, 7],
        [5, 0, 2, 0, 10],
        [6, 1, 3, 9, 11],
    ]
    first = patches_of(IMAGE[..., None], 2)[0].reshape(4, 5)
    np.testing.assert_array_equal(first, expected)


def test_patches_are_in_reading_order_and_so_are_their_pixels():
    patches = patches_of(IMAGE[..., None], 2).reshape(4, 4, 5)
    np.testing.assert_array_equal(patches[..., 0], [[1, 2, 5, 6], [3, 4, 7, 8], [9, 10, 13, 14], [11, 12, 15, 16]])


def test_channels_stay_together():
    """Of three channels, a pixel's five images are fifteen numbers, three by three."""
    image = np.stack([IMAGE, 100 + IMAGE, 200 + IMAGE], -1)
    last_pixel = patches_of(image, 2)[0].reshape(4, 5, 3)[3]
    np.testing.assert_array_equal(last_pixel, [[n, 100 + n, 200 + n] for n in (6, 1, 3, 9, 11)])


def test_tokens_are_normalized_patches_projected_with_a_place_of_their_own():
    inputs = keras.Input((4, 4, 1))
    model = keras.Model(inputs, shifted_patch_tokens(inputs, 2, 3))
    patches = patches_of(IMAGE[..., None], 2)
    normalized = (patches - patches.mean(-1, keepdims=True)) / np.sqrt(patches.var(-1, keepdims=True) + 1e-6)
    kernel, positions = model.get_layer("tokens").get_weights()
    assert (kernel.shape, positions.shape) == ((20, 3), (4, 3))
    assert positions.std() > 0
    np.testing.assert_allclose(model(IMAGE[None, ..., None])[0], normalized @ kernel + positions, atol=1e-5)


@pytest.fixture
def attention():
    """Two heads of one number each, over three tokens of two; weights are set in the tests."""
    tokens = keras.Input((3, 2))
    return keras.Model(tokens, locality_self_attention(tokens, other_tokens(tokens), heads=2, name="a"))


def attend(attention: keras.Model, inverse_temperatures: list[float], tokens: list[list[float]]) -> np.ndarray:
    """Each head sees one of a token's two numbers, as query, key and value; heads come out side by side."""
    identity = np.eye(2)[:, :, None]  # width, heads, width of a head
    for part in ("query", "key", "value"):
        attention.get_layer(f"a_{part}").set_weights([identity])
    attention.get_layer("a_inverse_temperature").set_weights([np.array(inverse_temperatures)])
    attention.get_layer("a_output").set_weights([np.eye(2)[:, None, :], np.zeros(2)])
    return attention(np.array([tokens], np.float32)).numpy()[0]


def test_a_token_does_not_attend_to_itself(attention):
    """With a temperature so high that similarity counts for nothing, each gets the mean of the others."""
    answers = attend(attention, [0.0, 0.0], [[3.0, 0.0], [6.0, 30.0], [0.0, 60.0]])
    np.testing.assert_allclose(answers, [[3, 45], [1.5, 30], [4.5, 15]], rtol=1e-6)


def test_each_head_has_its_temperature(attention):
    """Token 0 is 1; the others, 2 and 3, have scores of 2 t and 3 t, so that 3 has the weight 1 / (1 + e^-t)."""
    tokens = [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]
    answers = attend(attention, [0.5, 4.0], tokens)
    for head, inverse in enumerate((0.5, 4.0)):
        assert answers[0, head] == pytest.approx(2 + 1 / (1 + np.exp(-inverse)), rel=1e-6)
        of_last = 1 / (1 + np.exp(-3 * inverse))  # token 2 scores 3 t for 1 and 6 t for 2
        assert answers[2, head] == pytest.approx(1 + of_last, rel=1e-6)


def test_the_temperature_begins_at_the_usual_root_and_learns():
    tokens = keras.Input((3, 8))
    attention = keras.Model(tokens, locality_self_attention(tokens, other_tokens(tokens), heads=2, name="a"))
    [temperature] = attention.get_layer("a_inverse_temperature").trainable_weights
    np.testing.assert_allclose(temperature, [0.5, 0.5])  # 1 / sqrt(8 / 2)


def test_tokens_see_half_a_patch_beyond_their_border():
    """What happens in the upper left quarter of the patch (1, 1) shows in the three patches it borders on, too."""
    image = np.zeros((64, 64, 3), np.float32)
    changed = image.copy()
    changed[16:24, 16:24] = 255
    inputs = keras.Input(image.shape)
    model = keras.Model(inputs, shifted_patch_tokens(inputs, 16, 8))
    difference = np.abs(model(image[None]) - model(changed[None]))[0].max(-1).reshape(4, 4)
    assert np.argwhere(difference > 1e-6).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


@pytest.mark.parametrize("image_size_px", [32, 64])
def test_features_are_a_grid(image_size_px):
    backbone = vit_small_data(image_size_px)
    side = image_size_px // 16
    assert backbone.output_shape == (None, side, side, 192)
    features = backbone(np.zeros((2, image_size_px, image_size_px, 3), np.float32))
    np.testing.assert_allclose(keras.ops.mean(features, -1), 0, atol=1e-5)  # layer normalization comes last


def test_each_of_many_tokens_may_attend_to_all_but_itself_in_any_precision():
    """bfloat16 can't tell 257 from 256."""
    others = other_tokens(keras.ops.zeros((1, 400, 2), "bfloat16"))
    np.testing.assert_array_equal(others[0, 0], ~np.eye(400, dtype=bool))
