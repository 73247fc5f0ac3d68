"""What rare classes get: each way of making up for unequal counts, and that each does it once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.train.parameters import Imbalance


@dataclass(frozen=True)
class Correction:
    """What training does to classes of unequal counts; at most one of the first three does anything.

    Attributes:
        sampling: How often an epoch draws each image on average, by the image's class; all 1 draw each once.
        weights: What an image's loss is multiplied by, by its class; all 1 change nothing.
        log_prior: Float32 [classes], added to the logits during training; zeros change nothing.
        focal_gamma: By which power of its error a class's share of the loss is multiplied; 0 changes nothing.
    """

    sampling: NDArray[np.float64]
    weights: NDArray[np.float64]
    log_prior: tf.Tensor
    focal_gamma: float

    @property
    def resamples(self) -> bool:
        """Whether images are drawn unequally often."""
        return not np.allclose(self.sampling, 1)


def correction(imbalance: Imbalance, strength: float, counts: Sequence[int], focal_gamma: float = 0.0) -> Correction:
    """Returns what a phase of training does about unequal counts.

    Args:
        imbalance: The way; "crt" does nothing here, because only its last phase corrects: by "balanced_sampling".
        strength: 0 (nothing) to 1 (all classes count the same).
        counts: Training images per class, in label order; each at least 1.
        focal_gamma: Of "focal"; Lin et al. 2017, arXiv 1708.02002, section 3.2.
    """
    shares, plain = image_shares(counts, strength), np.ones(len(counts))
    return Correction(
        sampling=shares if imbalance == "balanced_sampling" else plain,
        weights=shares if imbalance in ("class_weight", "focal") else plain,
        log_prior=log_prior(counts, strength if imbalance == "logit_adjustment" else 0.0),
        focal_gamma=focal_gamma if imbalance == "focal" else 0.0,
    )


def image_shares(counts: Sequence[int], strength: float) -> NDArray[np.float64]:
    """Returns how much one image of each class counts, so that rare classes count more and all images 1 on average.

    The same numbers serve as weights of the loss, (n / (k n_c))^strength up to a factor, and as how often an image is
    drawn: class c is then drawn with a probability proportional to n_c^(1 - strength).

    Args:
        counts: n_c, images per class, in label order; each at least 1.
        strength: 0: all images count 1; 1: all classes count the same.

    Returns:
        Float64 [classes]; their mean over the images is 1.
    """
    images = np.asarray(counts, np.float64)
    rarity = (images.sum() / (len(images) * images)) ** strength
    return rarity * images.sum() / (images * rarity).sum()


def log_prior(counts: Sequence[int], strength: float) -> tf.Tensor:
    """Returns what logit adjustment adds to the logits during training.

    Menon et al. 2021, arXiv 2007.07314, equation 10: the loss on logits + tau * log(prior) makes the plain
    logits minimize the balanced error.

    Args:
        counts: Training images per class, in label order; each at least 1.
        strength: tau in [0, 1].

    Returns:
        Float32 [classes].
    """
    shares = tf.constant(counts, tf.float32) / sum(counts)
    return strength * tf.math.log(shares)
