"""Backbones of keras.applications, with the normalization that each of them expects."""

import warnings
from collections.abc import Callable

import keras
from keras import applications, layers, ops

from components.train.backbones.weights import copy_weights, keras_download

# Of ImageNet's images in [0, 1], as Keras and PyTorch have them.
MEAN = (0.485, 0.456, 0.406)
STANDARD_DEVIATION = (0.229, 0.224, 0.225)
BGR_MEAN = (103.939, 116.779, 123.68)  # Caffe's, in [0, 255]

Normalize = Callable[[keras.KerasTensor], keras.KerasTensor]


def _inside(images: keras.KerasTensor) -> keras.KerasTensor:
    """The model normalizes by itself."""
    return images


def _to_unit_range(images: keras.KerasTensor) -> keras.KerasTensor:
    """To [-1, 1]; mode "tf" of Keras' `preprocess_input`."""
    return layers.Rescaling(1 / 127.5, offset=-1.0, name="normalization")(images)


def _standardized(images: keras.KerasTensor) -> keras.KerasTensor:
    """Each channel to mean 0 and variance 1 over ImageNet; mode "torch"."""
    scale = [1 / (255 * deviation) for deviation in STANDARD_DEVIATION]
    offset = [-mean / deviation for mean, deviation in zip(MEAN, STANDARD_DEVIATION, strict=True)]
    return layers.Rescaling(scale, offset=offset, name="normalization")(images)


def _centred_bgr(images: keras.KerasTensor) -> keras.KerasTensor:
    """Blue first, minus ImageNet's mean; mode "caffe"."""
    return layers.Rescaling(1.0, offset=[-mean for mean in BGR_MEAN], name="normalization")(ops.flip(images, axis=-1))


def _like_tensorflows_efficientnet(images: keras.KerasTensor) -> keras.KerasTensor:
    """Makes up for a step that Keras adds only to a model which it loads ImageNet weights into by itself.

    The weights' own layer takes (x / 255 - mean) / sqrt(deviation), and the added one divides by another
    sqrt(deviation) (tensorflow/tensorflow 49930). Done before the layer, it is the same for weights from a file.
    """
    roots = [deviation**0.5 for deviation in STANDARD_DEVIATION]
    offset = [255 * mean * (1 - 1 / root) for mean, root in zip(MEAN, roots, strict=True)]
    return layers.Rescaling([1 / root for root in roots], offset=offset, name="variance")(images)


APPLICATIONS: dict[str, tuple[Callable[..., keras.Model], Normalize]] = {
    "mobilenet": (applications.MobileNet, _to_unit_range),
    "mobilenet_v2": (applications.MobileNetV2, _to_unit_range),
    "mobilenet_v3_small": (applications.MobileNetV3Small, _inside),
    "mobilenet_v3_large": (applications.MobileNetV3Large, _inside),
    "resnet50_v2": (applications.ResNet50V2, _to_unit_range),
    "resnet101_v2": (applications.ResNet101V2, _to_unit_range),
    "xception": (applications.Xception, _to_unit_range),
    "vgg16": (applications.VGG16, _centred_bgr),
    "vgg19": (applications.VGG19, _centred_bgr),
    "efficientnet_b0": (applications.EfficientNetB0, _like_tensorflows_efficientnet),
    "efficientnet_b1": (applications.EfficientNetB1, _like_tensorflows_efficientnet),
    "efficientnet_b2": (applications.EfficientNetB2, _like_tensorflows_efficientnet),
    "efficientnet_b3": (applications.EfficientNetB3, _like_tensorflows_efficientnet),
    "efficientnet_v2_b0": (applications.EfficientNetV2B0, _inside),
    "efficientnet_v2_b1": (applications.EfficientNetV2B1, _inside),
    "efficientnet_v2_b2": (applications.EfficientNetV2B2, _inside),
    "efficientnet_v2_b3": (applications.EfficientNetV2B3, _inside),
    "efficientnet_v2_s": (applications.EfficientNetV2S, _inside),
    "densenet121": (applications.DenseNet121, _standardized),
    "convnext_tiny": (applications.ConvNeXtTiny, _inside),
}


def keras_application(name: str, image_size_px: int, *, imagenet: bool) -> keras.Model:
    """Builds a backbone of keras.applications.

    Args:
        name: One of `APPLICATIONS`.
        image_size_px: Side of the square input.
        imagenet: Whether to load Keras' ImageNet weights, from its cache or its download; random ones otherwise.

    Returns:
        A model from RGB in [0, 255], [batch, image_size_px, image_size_px, 3], to features, float32
        [batch, height, width, n].

    Raises:
        InputError: If the weights can't be had.
    """
    construct, normalize = APPLICATIONS[name]
    inputs = keras.Input((image_size_px, image_size_px, 3))
    arguments = {"include_top": False, "input_shape": inputs.shape[1:]}
    built = construct(weights=None, input_tensor=normalize(inputs), **arguments)
    model = keras.Model(inputs, built.output, name=name)
    if imagenet:
        with keras_download(name), warnings.catch_warnings():
            # MobileNets: that the weights were trained at another size, as they are for most sizes of any backbone.
            warnings.filterwarnings("ignore", "`input_shape` is undefined", UserWarning)
            trained = construct(weights="imagenet", **arguments)
        copy_weights(trained, model)
    return model
