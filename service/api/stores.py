"""`/v1/stores`"""

from typing import Any

import msgspec
from flask_smorest import Blueprint

from domain.access import Principal, Scope
from service import cautions
from service.auth import Authenticator
from service.catalogue import store_of
from service.naming import named
from service.paging import after, page
from service.parts import Parts
from service.revisions import etag, expected, gone, saved
from service.schemas.base import PageQuery, page_of
from service.schemas.stores import StoreSchema
from storage import stores


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint("stores", __name__, url_prefix="/v1/stores", description="Places of business")

    @blp.get("")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.arguments(PageQuery, location="query")
    @blp.response(200, page_of(StoreSchema))
    @blp.doc(operationId="list_stores")
    def list_stores(query: dict[str, Any], principal: Principal) -> dict[str, Any]:
        with parts.database.read() as tx:
            rows = stores.page(
                tx, brand_id=principal.brand_id, after=after(query), limit=query["limit"] + 1
            )
        return page(rows, query, lambda store: store.external_id)

    @blp.put("/<external_id>")
    @auth.secret(Scope.ADMIN)
    @blp.arguments(StoreSchema)
    @blp.response(200, StoreSchema)
    @blp.alt_response(201, schema=StoreSchema)
    @blp.doc(operationId="put_store")
    def put_store(body: dict[str, Any], external_id: str, principal: Principal) -> Any:
        name = named(external_id)
        located = parts.locator.locate(principal.brand_id, {name: body})
        wanted = store_of(located.body(name), brand_id=principal.brand_id, external_id=name)
        revision, now = expected(), parts.clock.now()
        store, created = parts.database.write(
            lambda tx: stores.put(tx, wanted, now=now, expected=revision)
        )
        with parts.database.read() as tx:
            warn = cautions.of_stores(tx, [store], now)
        answer = {
            **msgspec.structs.asdict(store),
            "warnings": [*located.notes.get(name, []), *warn()[0]],
        }
        return saved(answer, store.revision, created=created)

    @blp.get("/<external_id>")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.response(200, StoreSchema)
    @blp.doc(operationId="get_store")
    def get_store(external_id: str, principal: Principal) -> Any:
        with parts.database.read() as tx:
            store = stores.get(tx, brand_id=principal.brand_id, external_id=external_id)
        return store, 200, etag(store.revision)

    @blp.delete("/<external_id>")
    @auth.secret(Scope.ADMIN)
    @blp.response(204)
    @blp.doc(operationId="delete_store")
    def delete_store(external_id: str, principal: Principal) -> Any:
        revision = expected()
        parts.database.write(
            lambda tx: stores.delete(
                tx, brand_id=principal.brand_id, external_id=external_id, expected=revision
            )
        )
        return gone()

    return blp
