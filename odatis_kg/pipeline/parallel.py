"""Mapping records on several cores: the same outcomes in the same order as on one, whatever happens to a process.

What must stay true: memory stays flat however many records come (a bounded number is under way); a record that ends its
process is refused and the others go on.
"""

import gc
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import chain, islice
from multiprocessing import active_children, get_context, parent_process
from typing import Final, Generic, NamedTuple, TypeVar

from odatis_kg.iris import Iris
from odatis_kg.mapping.engine import Mappings
from odatis_kg.mapping.kinds import SourceRecord
from odatis_kg.pipeline.stages import Outcome, load_mappings, map_safely

_T = TypeVar("_T")

_BATCH_RECORDS: Final = 32
_BATCH_BYTES: Final = 2_000_000
# Below this many records, starting processes costs more than they save.
_WORTH_PROCESSES: Final = 200
_PATIENCE_SECONDS: Final = 5.0


class Item(NamedTuple, Generic[_T]):
    """A record to map, with whatever its owner wants back beside the outcome."""

    record: SourceRecord
    owner: _T


class _Batch(NamedTuple, Generic[_T]):
    items: list[Item[_T]]
    future: Future[list[Outcome]]


def map_records(
    items: Iterable[Item[_T]], mappings: Mappings, seconds: float, jobs: int
) -> Iterator[tuple[Item[_T], Outcome]]:
    """The outcome of each record, in order; `jobs` processes map (0: one for each core when there is enough to do)."""
    stream = iter(items)
    if jobs == 0:
        first = list(islice(stream, _WORTH_PROCESSES))
        jobs = _cores() if len(first) == _WORTH_PROCESSES else 1
        stream = chain(first, stream)
    if jobs == 1:
        with _collecting_rarely():
            for item in stream:
                yield item, map_safely(item.record, mappings, seconds)
        return
    yield from _in_processes(stream, mappings.iris, seconds, jobs)


@contextmanager
def _collecting_rarely() -> Iterator[None]:
    """Meanwhile garbage is looked for every ten records or so, and never among the tables.

    Mapping leaves no circles behind: what looking for them finds is nothing, and it takes an eighth of the time.
    """
    before = gc.get_threshold()
    _collect_rarely()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _collect_rarely() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_processes(
    items: Iterator[Item[_T]], iris: Iris, seconds: float, jobs: int
) -> Iterator[tuple[Item[_T], Outcome]]:
    batches = _batches(items)
    pending: deque[_Batch[_T]] = deque()
    pool = _pool(iris, seconds, jobs)

    def submit(batch: list[Item[_T]]) -> None:
        future: Future[list[Outcome]]
        try:
            future = pool.submit(_map_batch, [item.record for item in batch])
        except BrokenProcessPool as error:  # told when its turn comes, as of those that were under way
            future = Future()
            future.set_exception(error)
        pending.append(_Batch(batch, future))

    try:
        while True:
            for batch in islice(batches, max(0, 2 * jobs + 1 - len(pending))):
                submit(batch)
            if not pending:
                return
            first = pending.popleft()
            try:
                outcomes = _result(pool, first.future)
            except BrokenProcessPool:
                # A record under way ended its process: those of this batch one by one, the later batches again.
                pool.shutdown()
                outcomes = list(_one_by_one([item.record for item in first.items], iris, seconds))
                pool = _pool(iris, seconds, jobs)
                later = [batch.items for batch in pending]
                pending.clear()
                for batch in later:
                    submit(batch)
            for item, outcome in zip(first.items, outcomes, strict=True):
                yield item, outcome.of(item.record)
    finally:
        pool.shutdown(cancel_futures=True)


def _result(pool: ProcessPoolExecutor, future: Future[list[Outcome]]) -> list[Outcome]:
    """What a future comes to; the executor forgets to end it when its processes die while something is being submitted.

    (`terminate_broken` of CPython 3.11 goes through a dictionary that `submit` adds to.) A pool that is broken refuses a new
    task at once, which is how that is found out.
    """
    while True:
        try:
            return future.result(timeout=_PATIENCE_SECONDS)
        except TimeoutError:
            if not future.done():
                try:
                    pool.submit(os.getpid)
                except BrokenProcessPool:
                    for child in active_children():
                        child.terminate()  # which the executor would have done
                    raise


def _batches(items: Iterator[Item[_T]]) -> Iterator[list[Item[_T]]]:
    batch: list[Item[_T]] = []
    size = 0
    for item in items:
        batch.append(item)
        size += len(item.record.content)
        if len(batch) == _BATCH_RECORDS or size > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _one_by_one(records: list[SourceRecord], iris: Iris, seconds: float) -> Iterator[Outcome]:
    pool = _pool(iris, seconds, 1)
    try:
        for record in records:
            try:
                yield _result(pool, pool.submit(_map_batch, [record]))[0]
            except BrokenProcessPool:
                pool.shutdown()
                pool = _pool(iris, seconds, 1)
                yield Outcome(None, "the process that mapped it was ended, perhaps because the memory was not enough")
    finally:
        pool.shutdown()


# In the processes

_tables: Mappings
_seconds: float


def _pool(iris: Iris, seconds: float, jobs: int) -> ProcessPoolExecutor:
    # Not forked: the command draws its progress from a thread, and a fork of a process with threads may hang.
    return ProcessPoolExecutor(jobs, get_context("spawn"), _start, (iris.base, seconds))


def _start(base_url: str, seconds: float) -> None:
    """What a process does first: it leaves interrupts to its parent, and ends with it."""
    global _tables, _seconds
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _tables, _seconds = load_mappings(Iris(base_url)), seconds
    _collect_rarely()


def _end_with_parent() -> None:
    if parent := parent_process():
        parent.join()
        os._exit(1)


def _map_batch(records: list[SourceRecord]) -> list[Outcome]:
    return [map_safely(record, _tables, _seconds).portable() for record in records]
