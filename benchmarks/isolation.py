"""What isolation costs: one process per call, and warm workers over many items.

python -m benchmarks.isolation
"""

from __future__ import annotations

import json
import math
import os
import time

from app.isolation import Isolated


def main() -> None:
    """Measure with a function that does nothing to speak of."""
    isolated = Isolated(1, preload=["app.isolation"])
    isolated.run(math.sqrt, 1)
    started = time.monotonic()
    for n in range(100):
        isolated.run(math.sqrt, n)
    single = time.monotonic()
    count = sum(1 for _ in isolated.map(math.sqrt, range(5000)))
    batch = time.monotonic()
    figures = {
        "load": os.getloadavg()[0],
        "one process per call, ms": round((single - started) * 10, 1),
        "warm worker per item, ms": round((batch - single) * 1000 / count, 3),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
