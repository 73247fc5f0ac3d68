"""What becomes of a task whose machine is taken back."""

from kfp import dsl


def retried(task: dsl.PipelineTask) -> dsl.PipelineTask:
    """Has a cluster try a task again, up to three times: after a preemption it goes on from what it has kept."""
    return task.set_retry(num_retries=3, backoff_duration="60s", backoff_factor=2)
