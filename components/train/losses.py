"""The training loss: cross-entropy with what is done about rare classes, on labels of one class or of a mixture."""

import tensorflow as tf

from components.train.imbalance import Correction
from components.train.steps import Loss


def training_loss(correction: Correction, classes: int, label_smoothing: float) -> Loss:
    """Returns the loss of a phase.

    A mixed image has the weights of its classes in the proportions in which they are in it: the weight of the larger
    part alone would leave rare classes without most of what they are to get. Label smoothing is no mixture and leaves
    the weight as it is.

    Args:
        correction: What rare classes get.
        classes: Number of classes.
        label_smoothing: Probability mass taken from the true classes and spread over all.

    Returns:
        A function of labels, int64 [batch] or shares float32 [batch, classes] that add up to 1, and of logits float32
        [batch, classes]. It returns the loss, float32 [batch].
    """
    weights = tf.constant(correction.weights, tf.float32)

    def loss(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        shares = labels if labels.dtype.is_floating else tf.one_hot(labels, classes)
        targets = shares * (1 - label_smoothing) + label_smoothing / classes
        adjusted = logits + correction.log_prior
        if correction.focal_gamma:
            losses = focal_cross_entropy(targets, adjusted, correction.focal_gamma)
        else:
            losses = tf.nn.softmax_cross_entropy_with_logits(targets, adjusted)
        return losses * tf.linalg.matvec(shares, weights)

    return loss


def focal_cross_entropy(targets: tf.Tensor, logits: tf.Tensor, gamma: float) -> tf.Tensor:
    """Returns the cross-entropy with less of what is predicted well already.

    Lin et al. 2017, arXiv 1708.02002, equation 4, over all classes of a soft label: sum of -y (1 - p)^gamma log p.

    Args:
        targets: Float32 [batch, classes].
        logits: Float32 [batch, classes].
        gamma: At least 0; 0 is the plain cross-entropy.

    Returns:
        Float32 [batch].
    """
    log_p = tf.nn.log_softmax(logits)
    # 1 - p as -expm1(log p): exact for p near 1, and kept off 0, where a power below 1 has no finite slope.
    error = tf.maximum(-tf.math.expm1(log_p), 1e-7)
    return -tf.reduce_sum(targets * error**gamma * log_p, -1)
