"""Where things run and what is kept: one command per file, on Ray, DVC, MLflow and Arrow."""

import sys

if sys.argv[:1] == ["-m"]:  # Python looks for `python -m pipelines.STAGE`, whose imports will read the environment
    from pipelines.runtime import environment

    environment.begin()
