"""One of several workers on one machine: a step, which ends when the process that started it does.

    python -m components.train.local_worker LIFELINE MODULE FLAGS...

LIFELINE is the file descriptor of a pipe that nobody writes to. It ends with the process that holds its other end,
however that was ended.
"""

import os
import runpy
import signal
import sys
import threading
import time

from components.train.preemption import PREEMPTED_STATUS

# To keep a checkpoint or hand a trial back, as `local_workers` gives it.
_GRACE_S = 60.0


def main() -> None:
    """Runs the step under watch."""
    lifeline, module = int(sys.argv.pop(1)), sys.argv.pop(1)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_S)
    os._exit(PREEMPTED_STATUS)


if __name__ == "__main__":
    main()
