"""`/v1/items`"""

from typing import Any

from flask_smorest import Blueprint

from domain.access import Principal, Scope
from service.auth import Authenticator
from service.catalogue import item_of
from service.naming import named
from service.paging import after, page
from service.parts import Parts
from service.revisions import etag, expected, gone, saved
from service.schemas.base import PageQuery, page_of
from service.schemas.items import ItemSchema
from storage import items


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint("items", __name__, url_prefix="/v1/items", description="What a brand sells")

    @blp.get("")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.arguments(PageQuery, location="query")
    @blp.response(200, page_of(ItemSchema))
    @blp.doc(operationId="list_items")
    def list_items(query: dict[str, Any], principal: Principal) -> dict[str, Any]:
        with parts.database.read() as tx:
            rows = items.page(
                tx, brand_id=principal.brand_id, after=after(query), limit=query["limit"] + 1
            )
        return page(rows, query, lambda item: item.sku)

    @blp.put("/<sku>")
    @auth.secret(Scope.ADMIN)
    @blp.arguments(ItemSchema)
    @blp.response(200, ItemSchema)
    @blp.alt_response(201, schema=ItemSchema)
    @blp.doc(operationId="put_item")
    def put_item(body: dict[str, Any], sku: str, principal: Principal) -> Any:
        wanted = item_of(body, brand_id=principal.brand_id, sku=named(sku, pointer="/sku"))
        revision = expected()
        item, created = parts.database.write(
            lambda tx: items.put(tx, wanted, now=parts.clock.now(), expected=revision)
        )
        return saved(item, item.revision, created=created)

    @blp.get("/<sku>")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.response(200, ItemSchema)
    @blp.doc(operationId="get_item")
    def get_item(sku: str, principal: Principal) -> Any:
        with parts.database.read() as tx:
            item = items.get(tx, brand_id=principal.brand_id, sku=sku)
        return item, 200, etag(item.revision)

    @blp.delete("/<sku>")
    @auth.secret(Scope.ADMIN)
    @blp.response(204)
    @blp.doc(operationId="delete_item")
    def delete_item(sku: str, principal: Principal) -> Any:
        revision = expected()
        parts.database.write(
            lambda tx: items.delete(tx, brand_id=principal.brand_id, sku=sku, expected=revision)
        )
        return gone()

    return blp
