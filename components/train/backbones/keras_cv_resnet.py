"""ResNet-18 and -34, which keras.applications lacks; the one module that knows KerasCV."""

import keras

# Blocks of each stage; He et al. 2015, arXiv 1512.03385, table 1.
_BLOCKS = {"resnet18": [2, 2, 2, 2], "resnet34": [3, 4, 6, 3]}


def keras_cv_resnet(name: str, image_size_px: int) -> keras.Model:
    """Builds a ResNet of basic blocks; there are no ImageNet weights of it.

    Args:
        name: "resnet18" or "resnet34", with "_v2" for activations before convolutions (arXiv 1603.05027).
        image_size_px: Side of the square input.

    Returns:
        A model of Keras' own layers from RGB in [0, 255], [batch, image_size_px, image_size_px, 3], to
        features, float32 [batch, image_size_px / 32, image_size_px / 32, 512], rounded up.
    """
    from keras_cv.models import ResNetBackbone, ResNetV2Backbone  # noqa: PLC0415 - half a second

    construct = ResNetV2Backbone if name.endswith("_v2") else ResNetBackbone
    # By configuration: the names of presets, ResNet18Backbone too, ask Kaggle for it.
    backbone = construct(
        stackwise_filters=[64, 128, 256, 512],
        stackwise_blocks=_BLOCKS[name.removesuffix("_v2")],
        stackwise_strides=[1, 2, 2, 2],
        block_type="basic_block",
        include_rescaling=True,
        input_shape=(image_size_px, image_size_px, 3),
    )
    # A plain model of the same layers: KerasCV's own class would have to be there wherever the model is loaded.
    return keras.Model(backbone.inputs[0], backbone.output, name=name)
