"""Alembic's environment. The connection comes from `storage/migrate.py`; there is no ini file."""

from typing import Any, Literal

from alembic import context

from storage.models import metadata
from storage.models.base import Id, Json, UtcTime


def _render(kind: str, item: Any, autogen: Any) -> str | Literal[False]:
    """Names our column types in generated migrations instead of spelling them out."""
    ours = {id(Id): "Id", id(Json): "Json"}
    name = "UtcTime()" if isinstance(item, UtcTime) else ours.get(id(item))
    if kind != "type" or name is None:
        return False
    autogen.imports.add("from storage.models.base import Id, Json, UtcTime")
    return name


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
    render_item=_render,
)
with context.begin_transaction():
    context.run_migrations()
