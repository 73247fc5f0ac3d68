"""The container's face of evaluate."""

import os
from argparse import ArgumentParser
from functools import partial
from pathlib import Path

from components._executor import input_errors_as_exit_status, step_parser, write_executor_output
from components._parameters import add_flags, from_flags
from components._progress import say
from components.evaluate.parameters import EvaluateParameters

EXAMPLE = """  python -m components.evaluate --model run/model --test run/test --metrics run/metrics \\
      --confusion run/confusion --predictions run/predictions --report run/report --decision run/decision"""


def parser() -> ArgumentParser:
    """Returns the parser of the step's flags."""
    flags = step_parser("evaluate", "Scores a model on test images class by class, and decides on it.", EXAMPLE)
    add = flags.add_argument
    add("--model", type=Path, required=True, help="folder of the trained model, written by train")
    add("--test", type=Path, required=True, help="folder of the test examples, written by split")
    add("--metrics", type=Path, required=True, help="output: every score and the decision; .json is added")
    add("--confusion", type=Path, required=True, help="output: the confusion matrix for KFP; .json is added")
    add("--predictions", type=Path, required=True, help="output: probabilities per image; .csv is added")
    add("--report", type=Path, required=True, help="output: a page to read; .html is added")
    add("--decision", type=Path, required=True, help="output: a file that holds bless or reject")
    add("--batch-size", type=int, default=64, help="images in one call of the model, 1 up (default 64)")
    add_flags(flags, EvaluateParameters)
    return flags


def main() -> None:
    """Runs the step."""
    args = parser().parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Imported after the flags are read, so that --help answers without loading TensorFlow.
    from components.evaluate.evaluation import evaluate, write_findings  # noqa: PLC0415
    from components.evaluate.table import text_table  # noqa: PLC0415

    with input_errors_as_exit_status():
        floors = from_flags(EvaluateParameters, args)
        findings = evaluate(args.model, args.test, floors, args.batch_size, partial(say, "evaluate"))
        artifacts = write_findings(
            findings,
            metrics=args.metrics,
            confusion=args.confusion,
            predictions=args.predictions,
            report=args.report,
            decision=args.decision,
        )
        for line in text_table(findings.evaluation).splitlines():
            say("evaluate", line)
        parameters = {"decision": findings.evaluation.decision.verdict}
        write_executor_output(args.executor_input, artifacts, parameters)


if __name__ == "__main__":
    main()
