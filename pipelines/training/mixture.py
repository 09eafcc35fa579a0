"""Several sources in one sequence of faces: whose turn it is, by shares that hold over any number of steps.

The sequence is cut into batches wherever it may be: which faces stand at a place follows from the place alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

# (source, epoch of that source) -> the source's faces in that epoch's order, counted from its first.
Order = Callable[[int, int], np.ndarray]


@dataclass(frozen=True)
class Mixture:
    """Sources, one after the other in the rows of a table, and how often each is looked at.

    Attributes:
        sizes: Faces of each.
        shares: Of the sequence; they add up to 1.
    """

    sizes: tuple[int, ...]
    shares: tuple[float, ...]

    def taken(self, count: int) -> list[int]:
        """How many of the first `count` faces of the sequence are of each source; they add up to it.

        The last source has round(share * count) of them, half to even; the one before it has so many of those that are
        left, by its share of what is left, and so on: none ever has fewer than before, and each is within half a face of its
        share for each source, whatever the count.

        >>> Mixture((10, 10, 10), (0.5, 0.25, 0.25)).taken(8)
        [4, 2, 2]
        """
        taken, left = [], count
        for source in range(len(self.shares) - 1, 0, -1):
            part = round(left * (self.shares[source] / sum(self.shares[: source + 1])))
            taken.append(part)
            left -= part
        return [left, *taken[::-1]]

    def rows(self, first: int, last: int, order: Order) -> np.ndarray:
        """The rows (last - first,) of the table at these places of the sequence, source by source.

        A source is seen through and through, one epoch of its own after the other, without a gap.
        """
        bounds = zip(self.taken(first), self.taken(last), strict=True)
        starts = np.cumsum([0, *self.sizes[:-1]]).tolist()
        parts = [
            starts[source] + np.concatenate([np.empty(0, np.int64), *self._own(source, begin, end, order)])
            for source, (begin, end) in enumerate(bounds)
        ]
        return np.concatenate(parts)

    def _own(self, source: int, first: int, last: int, order: Order) -> Iterator[np.ndarray]:
        """What stands at these places of a source's own sequence, epoch by epoch."""
        epochs, places = np.divmod(np.arange(first, last), self.sizes[source])
        for epoch in np.unique(epochs).tolist():
            yield order(source, epoch)[places[epochs == epoch]]
