"""Requests to storage, repeated while there is hope; and what is said once there is none."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
    wait_random_exponential,
)

from components._errors import InputError
from components._objects.stored_object import StorageError
from components._progress import say

T = TypeVar("T")

CONNECTIONS = 64  # to one server at once: more than anybody reads ahead with
VARIABLE = "SCENERY_STORAGE_PATIENCE_S"
_TOLD_FROM_ATTEMPT = 3  # hiccups pass in silence

_CREDENTIALS = {
    "gs": "Run `gcloud auth application-default login` or set GOOGLE_APPLICATION_CREDENTIALS to a key's file; "
    "the account needs roles/storage.objectViewer on the bucket, and storage.objectUser to write.",
    "s3": "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; they need s3:ListBucket and s3:GetObject. "
    "S3 answers the same for an object that does not exist to those who may not list the bucket.",
}


class UnreachableError(InputError):
    """Storage that cannot be reached now: nothing is known of the object, so no step may go on without it."""


@dataclass(frozen=True)
class Patience:
    """How long storage is waited for.

    Attributes:
        total_s: An operation is not tried again later than this after it began.
        attempts: Nor more often than this.
        first_wait_s: Bound of the random wait before the second attempt; it doubles with each further one,
        longest_wait_s: up to this.
        connect_timeout_s: How long a server may take to accept a connection,
        read_timeout_s: and to send the next bytes.
    """

    total_s: float = 120
    attempts: int = 12
    first_wait_s: float = 1
    longest_wait_s: float = 24
    connect_timeout_s: float = 12
    read_timeout_s: float = 30

    def scaled_to(self, total_s: float) -> "Patience":
        """Returns the same with all times in proportion."""
        scale = total_s / self.total_s
        return Patience(
            total_s,
            self.attempts,
            self.first_wait_s * scale,
            self.longest_wait_s * scale,
            self.connect_timeout_s * scale,
            self.read_timeout_s * scale,
        )


def patience() -> Patience:
    """Returns the default, or one scaled to the seconds that SCENERY_STORAGE_PATIENCE_S gives.

    Raises:
        InputError: If it gives no positive number.
    """
    text = os.environ.get(VARIABLE)
    if text is None:
        return Patience()
    try:
        total_s = float(text)
    except ValueError:
        total_s = 0
    if not 0 < total_s < float("inf"):
        raise InputError(f"{VARIABLE}: expected a number of seconds above 0. Received: {text!r}.")
    return Patience().scaled_to(total_s)


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Returns the seconds that a server asks to wait (RFC 9110, section 10.2.3: a number or a date); 0 if none."""
    text = headers.get("Retry-After", headers.get("retry-after", "0"))
    try:
        return float(text) if text.isdigit() else max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return 0


def persistently(uri: str, attempt: Callable[[], T]) -> T:
    """Calls `attempt` until it succeeds, or fails for good, or patience ends.

    Waits between attempts are random and grow exponentially, so that many readers don't come back at once
    (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: full jitter).

    Args:
        uri: What the attempt is about.
        attempt: Raises StorageError when it fails.

    Returns:
        What `attempt` returns.

    Raises:
        UnreachableError: If only failures came that may pass, and patience has ended.
        InputError: If a failure came that does not pass. Both name the object, the cause and what to do.
    """
    limits = patience()
    backoff = wait_random_exponential(multiplier=limits.first_wait_s, max=limits.longest_wait_s)
    retrying = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, StorageError) and error.transient),
        wait=lambda state: backoff(state) + _failure(state).retry_after_s,
        stop=stop_after_attempt(limits.attempts) | stop_before_delay(limits.total_s),
        before_sleep=lambda state: _tell(uri, state),
        reraise=True,
    )
    try:
        return retrying(attempt)
    except StorageError as error:
        if error.transient:
            raise _unreachable(uri, error, retrying.statistics) from error
        raise _refused(uri, error) from error


def _failure(state: RetryCallState) -> StorageError:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, StorageError):
        raise TypeError(f"expected a StorageError to wait for. Received: {error!r}.")
    return error


def _tell(uri: str, state: RetryCallState) -> None:
    if state.attempt_number >= _TOLD_FROM_ATTEMPT:
        error, wait_s = _failure(state), state.next_action.sleep if state.next_action else 0
        say("storage", f"{uri}: attempt {state.attempt_number} failed, the next in {wait_s:.1f} s: {error.reason}")


def _unreachable(uri: str, error: StorageError, statistics: dict[str, float]) -> UnreachableError:
    tries = f"{statistics['attempt_number']:.0f} attempts in {statistics['delay_since_first_attempt']:.0f} s"
    answer = f"status {error.status}: {error.reason}" if error.status else error.reason
    return UnreachableError(
        f"{uri}: expected to reach it, but {tries} failed, the last with: {answer}. Check the network, and the "
        f"server's name (an endpoint or emulator set in the environment, too); set {VARIABLE} to wait longer."
    )


def _refused(uri: str, error: StorageError) -> InputError:
    match error.status:
        case 404 | 410:
            found, remedy = "there is no such bucket or object, or not any more", "Check the address."
        case 401 | 403:
            scheme = uri.partition(":")[0]
            found, remedy = "access is refused", _CREDENTIALS.get(scheme, "Give a link that needs no login.")
        case 412:
            found, remedy = "it was replaced after it had been found", "Run again when nobody writes there."
        case _:
            found, remedy = "the request is not accepted", "Check the address."
    return InputError(f"{uri}: expected to reach it, but {found} (status {error.status}: {error.reason}). {remedy}")
