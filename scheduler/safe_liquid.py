"""The Liquid that offers are written in: a short list of tags and filters, and limits that no text can pass.

python-liquid bounds output, loops and local names; what it leaves open is closed here: filters in a row that multiply a
text, ranges that are spread out before they are counted, loops beside each other, and filters that read the clock.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any

from liquid import BoundTemplate, Environment, RenderContext
from liquid.ast import Node
from liquid.builtin.expressions.path import Path
from liquid.builtin.expressions.primitive import Blank, Empty, IntegerLiteral, RangeLiteral
from liquid.exceptions import (
    LiquidError,
    LiquidTypeError,
    LiquidValueError,
    LoopIterationLimitError,
    UndefinedError,
)
from liquid.expression import Expression
from liquid.extra import Currency, DateTime, Number, Unit
from liquid.filter import with_context
from liquid.undefined import FalsyStrictUndefined

ITERATIONS = 1000  # of all loops of a text together
OUTPUT = 4096  # bytes, the most a push may carry
NAMESPACE = 20_000  # bytes of assigned names
DEPTH = 10
MARKS = 100  # of `{{ … }}` and `{% … %}` in one text

TAGS = ("if", "unless", "case", "for", "break", "continue", "assign", "capture", "cycle", "echo", "liquid", "comment", "#")  # fmt: skip
FILTERS = (
    "abs", "at_least", "at_most", "ceil", "divided_by", "floor", "minus", "modulo", "plus", "round", "times",
    "append", "capitalize", "downcase", "prepend", "remove", "remove_first", "replace", "replace_first", "slice",
    "split", "squish", "strip", "truncate", "truncatewords", "upcase", "url_encode", "concat", "first", "join", "last",
    "reverse", "size", "sort", "uniq", "default", "currency", "datetime", "decimal", "unit",
)  # fmt: skip
_PARSED_BY_NAME = (
    "content",
    "output",
    "illegal",
)  # the words of the grammar itself, not tags to write


class Missing(FalsyStrictUndefined):
    """A variable without a value: fails where it is shown, counts as false in a condition, gives way to `default`."""

    force_liquid_default = True


class _Context(RenderContext):
    """Counts the rounds of all loops together, those beside each other too."""

    def raise_for_loop_limit(self, length: int = 1) -> None:
        self.loop_iteration_carry += length
        if self.loop_iteration_carry > ITERATIONS:
            raise LoopIterationLimitError(
                f"the loops of a text may turn {ITERATIONS} times in all", token=None
            )


class _Template(BoundTemplate):
    context_class = _Context


class _Language(Environment):
    template_class = _Template
    loop_iteration_limit = ITERATIONS
    output_stream_limit = OUTPUT
    local_namespace_limit = NAMESPACE
    context_depth_limit = DEPTH

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        for name, babel in _BABEL.items():
            self.add_filter(name, babel)
        self.filters = {name: _bounded(self.filters[name]) for name in FILTERS}
        self.tags = {
            name: tag for name, tag in self.tags.items() if name in (*TAGS, *_PARSED_BY_NAME)
        }


@with_context
class _Time(DateTime):
    """Only times that were given: a text that asked for "now" would say something else at each replay."""

    def __call__(self, left: object, *, context: RenderContext, format: str | None = None) -> str:
        if not isinstance(left, datetime):
            raise LiquidTypeError("`datetime` wants a time, such as offer.ends_at", token=None)
        return str(super().__call__(left, context=context, format=format))


_BABEL: dict[str, Callable[..., object]] = {
    "currency": Currency(),
    "datetime": _Time(),
    "decimal": Number(),
    "unit": Unit(),
}


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, refusing results that only grow: the output limit alone would come after the memory is gone."""

    def bounded(*args: Any, **kwargs: Any) -> Any:
        if function in _BABEL.values() and isinstance(args[0], FalsyStrictUndefined):
            raise UndefinedError(args[0].msg, token=None)  # rather than show a price of nothing
        result = function(*args, **kwargs)
        if isinstance(result, str | list | tuple) and len(result) > OUTPUT:
            raise LiquidValueError("a filter made a text too long", token=None)
        if isinstance(result, int) and abs(result) > 10**15:
            raise LiquidValueError("a filter made a number too large", token=None)
        return result

    if getattr(function, "with_context", False):
        return with_context(bounded)
    return bounded


_LANGUAGE = _Language(undefined=Missing)


@lru_cache(maxsize=4096)
def parse(source: str) -> BoundTemplate:
    """The template of a text, remembered by the text itself, so that no stale one can be met. Raises LiquidError."""
    if source.count("{{") + source.count("{%") > MARKS:  # reading takes the square of unclosed ones
        raise LiquidValueError(f"a text holds at most {MARKS} pairs of braces", token=None)
    template = _LANGUAGE.from_string(source)
    for expression in _expressions(template):
        if wrong := _wrong(expression):
            raise LiquidValueError(wrong, token=expression.token)
    return template


def _wrong(expression: Expression) -> str | None:
    """What the library would take and we do not."""
    if isinstance(expression, RangeLiteral) and _length(expression) > ITERATIONS:
        return f"a range goes from one number to another, over {ITERATIONS} steps at most"
    if isinstance(expression, Path) and any(isinstance(step, Path) for step in expression.path):
        return "a path is written with dots, such as store.name"
    if isinstance(expression, Blank | Empty):  # a missing variable would not count as blank
        return "write `{% if customer.first_name %}`; a missing or empty value counts as false"
    return None


def _length(span: RangeLiteral) -> int:
    """The steps of a range of two written numbers; any other is endless as far as one can know beforehand."""
    if isinstance(span.start, IntegerLiteral) and isinstance(span.stop, IntegerLiteral):
        return span.stop.value - span.start.value + 1
    return ITERATIONS + 1


def _expressions(template: BoundTemplate) -> Iterator[Expression]:
    context = RenderContext(template)

    def inside(expression: Expression) -> Iterator[Expression]:
        yield expression
        for child in expression.children():
            yield from inside(child)

    def of(node: Node) -> Iterator[Expression]:
        for expression in node.expressions():
            yield from inside(expression)
        for child in node.children(context):
            yield from of(child)

    for node in template.nodes:
        yield from of(node)


def said(error: LiquidError) -> str:
    """What is wrong, in one sentence with its place."""
    token = error.token
    message = str(error.message or "this text cannot be read").rstrip(".")
    if token is None or not 0 <= token.start_index < len(token.source):
        return f"{message}."
    before = token.source[: token.start_index]
    line, column = before.count("\n") + 1, token.start_index - before.rfind("\n")
    return f"{message} (line {line}, column {column})."
