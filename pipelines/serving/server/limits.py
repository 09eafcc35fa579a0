"""What a request may take, so that no number of them, whatever is in them, takes this machine's memory or time.

The pixels of a picture have a limit that is not only the server's: `components.limits`.
"""

from __future__ import annotations

# Of a picture's file. A photograph of 50 megapixels as JPEG has about 15 MB.
MAX_BYTES = 20_000_000
# Faces on one picture; more than a photograph of a school class has.
MAX_BOXES = 100
# Requests that were let in and have not left yet, each with a file's bytes: as many as one pass of the network has faces. More of
# them would only wait longer. One that ran out of time is among them until it has left the queue.
MAX_REQUESTS = 32
# Pixels of decoded pictures that wait for the network; as long as there are so many, no further one is decoded.
MAX_PIXELS_WAITING = 100_000_000
# From a request's first byte to its answer.
MAX_TIME_S = 30.0
# After how many seconds those who found the queue full may come again.
RETRY_AFTER_S = 1
