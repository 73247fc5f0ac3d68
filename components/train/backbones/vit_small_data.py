"""The Vision Transformer for small data sets: Lee, Lee & Song 2021, arXiv 2112.13492.

Its two ideas, shifted patches and locality self-attention, give a transformer some of a convolution's
sense of place, so that it learns from thousands of images and not millions.

It is made of Keras' own layers and operations, so that a saved model can be read without this module.
"""

import keras
from keras import layers, ops

PATCH_SIZE_PX = 16
# As in the authors' experiments on small images.
WIDTH = 192
DEPTH = 9
HEADS = 12
MLP_WIDTH = 2 * WIDTH
STOCHASTIC_DEPTH = 0.1


def vit_small_data(image_size_px: int) -> keras.Model:
    """Builds the backbone.

    Args:
        image_size_px: Side of the square input; a multiple of 16.

    Returns:
        A model from RGB in [0, 255], [batch, image_size_px, image_size_px, 3], to features, float32
        [batch, image_size_px / 16, image_size_px / 16, 192]. There is no class token: a head pools the
        patches.
    """
    inputs = keras.Input((image_size_px, image_size_px, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="normalization")(inputs)
    x = shifted_patch_tokens(x, PATCH_SIZE_PX, WIDTH)
    others = other_tokens(x)
    for block in range(DEPTH):
        name = f"block{block}_attention"
        x = _residual(x, locality_self_attention(_normalized(x, name), others, HEADS, name=name), name)
        name = f"block{block}_mlp"
        x = _residual(x, _mlp(_normalized(x, name), name), name)
    side = image_size_px // PATCH_SIZE_PX
    features = layers.Reshape((side, side, WIDTH), name="grid")(_normalized(x, "features"))
    return keras.Model(inputs, features, name="vit_small_data")


def shifted_patch_tokens(images: keras.KerasTensor, patch_size_px: int, width: int) -> keras.KerasTensor:
    """Turns images into tokens that see half a patch beyond their own borders (section 3.2, equations 7 to 9).

    Args:
        images: Float [batch, side, side, channels]; the side is a multiple of the patch's.
        patch_size_px: Side of a patch.
        width: Of a token.

    Returns:
        Float [batch, patches, width], row after row; positional embeddings have been added.
    """
    patches = shifted_patches(images, patch_size_px)
    return layers.EinsumDense(
        "bpx,xw->bpw",
        output_shape=(patches.shape[1], width),
        bias_axes="pw",  # a bias for each position: the learned positional embedding
        bias_initializer=keras.initializers.RandomNormal(stddev=0.02),
        name="tokens",
    )(_normalized(patches, "patches"))


def shifted_patches(images: keras.KerasTensor, patch_size_px: int) -> keras.KerasTensor:
    """Cuts images, stacked upon themselves shifted diagonally by half a patch, into patches (equations 7 and 8).

    Args:
        images: Float [batch, side, side, channels].
        patch_size_px: Side of a patch.

    Returns:
        Float [batch, patches, patch_size_px^2 * 5 * channels]. What a shift moves in from outside is 0.
    """
    half, none = patch_size_px // 2, 0
    shifted = [images]
    for vertical in ((half, none), (none, half)):
        for horizontal in ((half, none), (none, half)):
            padded = layers.ZeroPadding2D((vertical, horizontal))(images)
            shifted.append(layers.Cropping2D((vertical[::-1], horizontal[::-1]))(padded))
    stacked = layers.Concatenate()(shifted)
    count, row = images.shape[1] // patch_size_px, patch_size_px * stacked.shape[-1]
    rows_of_patches = layers.Reshape((count, patch_size_px, count, row))(stacked)
    patches = layers.Permute((1, 3, 2, 4))(rows_of_patches)
    return layers.Reshape((count * count, patch_size_px * row))(patches)


def other_tokens(tokens: keras.KerasTensor) -> keras.KerasTensor:
    """Returns which tokens each may attend to: all but itself; bool [batch, 1, tokens, tokens].

    Computed from the tokens' positions, for as a constant it would be stored in each saved model's JSON.
    """
    positions = ops.cumsum(ops.ones_like(tokens[:, :, 0], dtype="float32"), axis=1)  # bfloat16 counts to 256
    return ops.not_equal(positions[:, None, :, None], positions[:, None, None, :])


def locality_self_attention(
    tokens: keras.KerasTensor, others: keras.KerasTensor, heads: int, *, name: str
) -> keras.KerasTensor:
    """Self-attention that is sharper, and spent on other tokens (section 3.3, equations 10 and 11).

    A token's similarity to itself, usually the largest, is masked; the softmax has a temperature that is
    learned for each head, and starts at the usual square root of the head's width.

    Args:
        tokens: Float [batch, tokens, width]; the width is a multiple of `heads`.
        others: Bool [batch, 1, tokens, tokens], from `other_tokens`.
        heads: Number of heads.
        name: Prefix of the layers' names.

    Returns:
        Float [batch, tokens, width].
    """
    count, width = tokens.shape[1:]
    per_head = (heads, count, width // heads)
    query, key, value = (
        layers.EinsumDense("btw,whd->bhtd", output_shape=per_head, name=f"{name}_{part}")(tokens)
        for part in ("query", "key", "value")
    )
    inverse_temperature = layers.EinsumDense(
        "bhtd,h->bhtd",
        output_shape=per_head,
        kernel_initializer=keras.initializers.Constant((width // heads) ** -0.5),
        name=f"{name}_inverse_temperature",
    )
    scores = ops.einsum("bhtd,bhsd->bhts", inverse_temperature(query), key)
    weights = layers.Softmax(name=f"{name}_softmax")(scores, mask=others)
    attended = ops.einsum("bhts,bhsd->bhtd", weights, value)
    return layers.EinsumDense("bhtd,hdw->btw", output_shape=(count, width), bias_axes="w", name=f"{name}_output")(
        attended
    )


def _normalized(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.LayerNormalization(epsilon=1e-6, name=f"{name}_norm")(x)


def _mlp(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = layers.Dense(MLP_WIDTH, activation="gelu", name=f"{name}_expand")(x)
    return layers.Dense(WIDTH, name=f"{name}_project")(x)


def _residual(x: keras.KerasTensor, change: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Adds a change, or, while training, leaves it away for a whole image now and then (arXiv 1603.09382)."""
    kept = layers.Dropout(STOCHASTIC_DEPTH, noise_shape=(None, 1, 1), name=f"{name}_depth")(change)
    return layers.Add(name=f"{name}_add")([x, kept])
