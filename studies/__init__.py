"""Questions about the product, each answered by `python -m studies.NAME`. Nothing imports them."""

import sys

if sys.argv[:1] == ["-m"]:  # Python looks for `python -m studies.NAME`, whose imports will read the environment
    from pipelines.runtime import environment

    environment.begin()
