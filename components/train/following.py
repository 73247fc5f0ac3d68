"""The history handed on while it grows, to whoever shows or keeps it elsewhere."""

from collections.abc import Callable, Mapping, Sequence

import keras

from components.train.history import EpochRow

Follow = Callable[[Sequence[EpochRow]], None]


class Following(keras.callbacks.Callback):
    """Calls each follower with the whole history when a phase begins, and after every epoch.

    Followers know how much they have got already. So one that is new, after an interruption, gets all of it.

    Args:
        history: Returns the rows so far.
        followers: To be called on the chief only.
    """

    def __init__(self, history: Callable[[], Sequence[EpochRow]], followers: Sequence[Follow]) -> None:
        super().__init__()
        self._history, self._followers = history, followers

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002
        """Hands on what an interrupted training had."""
        self._tell()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002
        """Hands on the epoch."""
        self._tell()

    def _tell(self) -> None:
        for follow in self._followers:
            follow(self._history())
