"""A worker process for tests: runs the toy bot's engine until it is told to stop.

Usage: python engine_worker.py FOLDER DATABASE_URL NAME
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

if __name__ == "__main__":
    import threading

    from app.engine import Engine
    from tests.app import toy_bots

    folder, url, name = sys.argv[1:]
    engine = Engine(
        toy_bots.office(Path(folder)),
        {"toy": toy_bots.Toy()},
        url=url,
        executor_id=name,
        at_once=4,
        pauses_seconds=(0.1,),
    )
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    engine.start()
    print("ready", flush=True)
    told.wait()
    engine.stop()
