"""The same work on many tasks, over the machine's processors, with answers as they come."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing import connection, get_all_start_methods, get_context
from typing import Any, TypeVar

Task = TypeVar("Task")
Answer = TypeVar("Answer")


def spread(
    work: Callable[[Task], Answer], tasks: Sequence[Task], *, processes: int | None = None
) -> Iterator[tuple[Task, Answer]]:
    """Each task with its answer, in no certain order. What a task raises is raised here; helpers end with the iterator."""
    wanted = min(processes or _processors(), len(tasks))
    if wanted <= 1:
        yield from ((task, work(task)) for task in tasks)
        return
    # A forked helper shares what `work` holds instead of reading a copy of it from a pipe.
    context: Any = get_context("fork" if "fork" in get_all_start_methods() else "spawn")
    helpers: list[Any] = []
    readers: list[connection.Connection] = []
    try:
        for start in range(wanted):
            reader, writer = context.Pipe(duplex=False)
            helper = context.Process(
                target=_help, args=(work, tasks[start::wanted], writer), daemon=True
            )
            helper.start()
            writer.close()
            helpers.append(helper)
            readers.append(reader)
        yield from _gathered(readers)
    finally:
        for helper in helpers:
            helper.terminate()
            helper.join()


def _processors() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _help(work: Callable[[Any], Any], tasks: Sequence[Any], out: connection.Connection) -> None:
    with suppress(BrokenPipeError, KeyboardInterrupt):  # nobody waits for the answers any more
        for task in tasks:
            try:
                answer: Any = work(task)
            except Exception as error:  # noqa: BLE001 - it is raised again where the answers are awaited
                out.send((task, None, error))
                return
            out.send((task, answer, None))
        out.send(None)


def _gathered(readers: Sequence[connection.Connection]) -> Iterator[tuple[Any, Any]]:
    open_ = list(readers)
    while open_:
        for reader in connection.wait(open_):
            assert isinstance(reader, connection.Connection)
            try:
                told = reader.recv()
            except EOFError:
                raise RuntimeError("A helping process died; is there enough memory?") from None
            if told is None:
                open_.remove(reader)
                continue
            task, answer, error = told
            if error is not None:
                raise error
            yield task, answer
