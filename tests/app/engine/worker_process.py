"""A worker process for tests: runs the toy bot's engine until it is told to stop.

Usage: python worker_process.py FOLDER DATABASE_URL NAME DEATHS
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

if __name__ == "__main__":
    import threading

    from app.engine.worker import Engine
    from tests.app.engine import toy_bots

    folder, url, name, deaths = sys.argv[1:]
    engine = Engine(
        toy_bots.office(Path(folder)),
        {"toy": toy_bots.Toy()},
        url=url,
        executor_id=name,
        at_once=4,
        pauses_seconds=(0.1,),
        deaths=int(deaths),
    )
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    engine.start()
    print("ready", flush=True)
    told.wait()
    engine.stop()
