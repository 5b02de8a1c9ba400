"""Nothing that isolated work does reaches the caller but a result or a failure."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.isolation import Crashed, Isolated, IsolationFailure, Limits, OutOfMemory, TookTooLong
from records.failures import Rejected
from tests.app import hostile_work as work

SMALL = Limits(memory_bytes=200 << 20, timeout_seconds=20, cpu_seconds=10, file_bytes=1 << 20)


@pytest.fixture(scope="module")
def isolated() -> Isolated:
    return Isolated(2, preload=["app.isolation", "tests.app.hostile_work"])


def test_returns_the_result(isolated: Isolated) -> None:
    assert isolated.run(work.same, {"a": [1, None]}) == {"a": [1, None]}


def test_large_results_and_arguments_pass(isolated: Isolated) -> None:
    assert isolated.run(work.same, bytes(5 << 20)) == bytes(5 << 20)


@pytest.mark.parametrize(
    ("function", "limits", "failure", "says"),
    [
        (work.crash, SMALL, Crashed, "SIGSEGV"),
        (work.leave, SMALL, Crashed, "exit code 7"),
        (work.fail, SMALL, Crashed, "LookupError: no such table"),
        (work.unpicklable, SMALL, Crashed, "cannot be returned"),
        (work.swell, SMALL, OutOfMemory, "more than 200 MiB"),
        (work.abort_for_want_of_memory, SMALL, OutOfMemory, "more than 200 MiB"),
        (work.spin, Limits(cpu_seconds=1), TookTooLong, "processor"),
        (work.spin, Limits(timeout_seconds=0.3), TookTooLong, "no result after 0.3 s"),
    ],
)
def test_misbehaviour_is_a_failure_in_words(
    isolated: Isolated,
    function: Callable[[], object],
    limits: Limits,
    failure: type[IsolationFailure],
    says: str,
) -> None:
    with pytest.raises(failure, match=says):
        isolated.run(function, limits=limits)


def test_a_crash_says_where(isolated: Isolated) -> None:
    with pytest.raises(Crashed) as caught:
        isolated.run(work.crash, limits=SMALL)
    assert "hostile_work.py" in caught.value.detail


def test_known_failures_arrive_as_themselves(isolated: Isolated) -> None:
    with pytest.raises(Rejected, match="the target refuses"):
        isolated.run(work.refuse)


def test_files_are_limited(isolated: Isolated, tmp_path: Path) -> None:
    with pytest.raises(Crashed, match="File too large"):
        isolated.run(work.fill_disk, str(tmp_path), limits=SMALL)


def test_what_the_work_prints_stays_away(
    isolated: Isolated, capfd: pytest.CaptureFixture[str]
) -> None:
    isolated.run(work.chatter)
    assert capfd.readouterr() == ("", "")


def test_there_is_no_network(isolated: Isolated) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        try:
            isolated.run(work.call_home, server.getsockname()[1], limits=SMALL)
        except Crashed as failure:
            assert "unreachable" in str(failure)
        else:
            pytest.skip("this kernel lets nobody give up the network")


def _gone(pid: int) -> bool:
    """Wait until a process has ended; a bounded wait on the kernel, no polling."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 5)[0])
    finally:
        os.close(descriptor)


def test_what_the_work_started_ends_with_it(isolated: Isolated, tmp_path: Path) -> None:
    with pytest.raises(TookTooLong):
        isolated.run(work.start_helper, str(tmp_path), limits=Limits(timeout_seconds=1))
    assert _gone(int((tmp_path / "pid").read_text()))


def test_nothing_outlives_a_killed_parent(tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(
        "if __name__ == '__main__':\n"
        "    import sys\n"
        "    from app.isolation import Isolated\n"
        "    from tests.app import hostile_work\n"
        "    Isolated(1).run(hostile_work.start_helper, sys.argv[1])\n"
    )
    path = os.pathsep.join([str(Path(work.__file__).parents[2]), *sys.path])
    parent = subprocess.Popen(
        [sys.executable, str(program), str(tmp_path)], env={**os.environ, "PYTHONPATH": path}
    )
    deadline = time.monotonic() + 20
    pid = tmp_path / "pid"
    while not (pid.exists() and pid.read_text()) and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert _gone(int(pid.read_text()))


def test_slots_bound_how_many_run_at_once() -> None:
    isolated = Isolated(1)
    lasted: list[float] = []

    def run() -> None:
        started = time.monotonic()
        isolated.run(work.sleep, 0.2)
        lasted.append(time.monotonic() - started)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(lasted) >= 0.6


def test_a_batch_keeps_order_and_survives_its_worst_items(isolated: Isolated) -> None:
    limits = Limits(memory_bytes=200 << 20, timeout_seconds=5)
    expected = {3: Crashed, 7: OutOfMemory, 11: TookTooLong, 13: Crashed}
    outcomes = list(isolated.map(work.one_of_many, range(40), limits=limits))
    assert [item for item, _ in outcomes] == list(range(40))
    for item, result in outcomes:
        if kind := expected.get(item % 20):
            assert isinstance(result, kind), (item, result)
        else:
            assert isinstance(result, tuple)
            assert result[0] == item


def test_workers_stay_warm_and_are_replaced() -> None:
    isolated = Isolated(1, serves=3)
    pids = [isolated.run(work.process_id) for _ in range(4)]
    pids += [pid for _, pid in isolated.map(work.process_of, range(5)) if isinstance(pid, int)]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 3]


def test_no_document_pays_for_another(tmp_path: Path) -> None:
    isolated = Isolated(1)
    isolated.run(work.poison)
    assert isolated.run(work.same, "innocent") == "innocent"
    isolated.run(work.poison)
    with pytest.raises(Crashed, match="SIGSEGV"):
        isolated.run(work.crash)


def test_a_swollen_worker_is_replaced() -> None:
    isolated = Isolated(1)
    limits = Limits(memory_bytes=400 << 20)
    first = isolated.run(work.keep_megabytes, 100, limits=limits)
    assert isolated.run(work.keep_megabytes, 150, limits=limits) == first
    assert isolated.run(work.process_id, limits=limits) != first


def test_big_work_and_big_answers_do_not_wait_for_each_other(isolated: Isolated) -> None:
    items = [bytes([n]) * (2 << 20) for n in range(6)]
    assert all(one == two for one, two in isolated.map(work.same, items))


def test_a_child_that_stops_in_the_middle_of_its_answer_is_given_up(isolated: Isolated) -> None:
    with pytest.raises(TookTooLong):
        isolated.run(work.stop_while_answering, limits=Limits(timeout_seconds=1))


def test_reserved_address_space_is_not_memory(isolated: Isolated) -> None:
    assert isolated.run(work.reserve_gigabytes, 64, limits=SMALL) == 64


def test_idle_workers_do_not_hold_up_the_end(tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(
        "if __name__ == '__main__':\n"
        "    from app.isolation import Isolated\n"
        "    from tests.app import hostile_work\n"
        "    box = Isolated(1)\n"
        "    print(box.run(hostile_work.process_id))\n"
    )
    path = os.pathsep.join([str(Path(work.__file__).parents[2]), *sys.path])
    done = subprocess.run(
        [sys.executable, str(program)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        timeout=30,
        check=True,
    )
    assert done.stderr == b""
    assert _gone(int(done.stdout))


def test_a_batch_reads_only_a_little_ahead(isolated: Isolated) -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    results = isolated.map(work.same, endless())
    assert [next(results) for _ in range(100)] == [(n, n) for n in range(1, 101)]
    assert taken <= 100 + 20
    assert isinstance(results, Iterator)
    results.close()  # type: ignore[attr-defined]
    assert isolated.run(work.same, "a slot is free again") == "a slot is free again"


def test_a_stop_signal_to_all_processes_spares_the_work(isolated: Isolated) -> None:
    assert isolated.run(work.signal_everyone) == "still here"
