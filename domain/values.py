"""The base of every value: frozen, keyword-only, compared by content."""

from typing import Any, dataclass_transform

import msgspec


@dataclass_transform(frozen_default=True, kw_only_default=True)
class ValueType(msgspec.StructMeta):
    """Makes `frozen` and `kw_only` the rule for every value, since msgspec does not inherit the latter."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> "ValueType":
        return super().__new__(
            mcs, name, bases, namespace, **{"frozen": True, "kw_only": True, **options}
        )


class Value(msgspec.Struct, metaclass=ValueType):
    """A frozen value that also knows its JSON form (`msgspec.to_builtins`, `msgspec.convert`).

    One definition serves the code, the stored JSON and a decision's inputs, so they cannot drift apart.
    """
