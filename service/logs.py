"""Structured logs on standard error: static events, ids as fields, never tokens, names or positions."""

import logging
import sys

import structlog


def configure(level: str) -> None:
    """JSON lines for machines, coloured lines for a terminal."""
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers(terminal=terminal),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(name)s: %(message)s")
    # It warns whenever every thread is busy for an instant, which is what the threads are for.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)


def renderers(*, terminal: bool) -> list[structlog.typing.Processor]:
    """What makes a line of an event. Tracebacks are plain: richer ones print local variables, and with them secrets."""
    if terminal:
        return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
