"""When things run, who is asked, what is retried."""

import sys

if sys.argv[:1] == ["-m"]:  # Python looks for `python -m flows.FLOW`, whose imports will read the environment
    from pipelines.runtime import environment

    environment.set_defaults()
