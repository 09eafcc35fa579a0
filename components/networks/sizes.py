"""How large a network may be: bounds that hold before anything is built; `limits.check_parameters` sees to the rest."""

from __future__ import annotations

from components.limits import Range

# HIH_B and FAN have 4, and a step takes each of them one after the other.
STACKS = Range(1, 16, "published networks have at most 4 in a row")
# A crop of the largest side, 4096 px, is a map of 1024 cells, which halves ten times.
DEPTHS = Range(1, 10, "the largest crop's map halves 10 times")
# A single 3x3 convolution of 4096 channels has 151 million parameters.
FEATURES = Range(1, 4096, "published networks have 256 channels; one convolution of 4096 has 151 million parameters")
