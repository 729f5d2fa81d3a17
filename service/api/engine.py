"""`/v1/engine`: the brand's policy and its kill switch."""

from typing import Any

import msgspec
from flask_smorest import Blueprint

from domain.access import Principal, Scope
from domain.policy import Caps, Policy
from service.auth import Authenticator
from service.parts import Parts
from service.revisions import etag, expected
from service.schemas.engine import PolicySchema
from storage import brands
from storage.engine import Transaction


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint(
        "engine", __name__, url_prefix="/v1/engine", description="What the engine may do"
    )

    @blp.get("")
    @auth.secret(Scope.READ, Scope.ADMIN)
    @blp.response(200, PolicySchema)
    @blp.doc(operationId="get_engine")
    def get_engine(principal: Principal) -> Any:
        with parts.database.read() as tx:
            policy = brands.by_id(tx, principal.brand_id).policy
        return policy, 200, etag(policy.revision)

    @blp.put("")
    @auth.secret(Scope.ADMIN)
    @blp.arguments(PolicySchema)
    @blp.response(200, PolicySchema)
    @blp.doc(operationId="put_engine")
    def put_engine(body: dict[str, Any], principal: Principal) -> Any:
        """Change the policy; what the body does not name stays."""
        revision = expected()

        def work(tx: Transaction) -> Policy:
            newest = brands.policy_to_change(tx, principal.brand_id)
            return brands.save_policy(
                tx,
                principal.brand_id,
                changed(newest, body),
                expected=revision,
                now=parts.clock.now(),
            )

        policy = parts.database.write(work)
        parts.wake()
        return policy, 200, etag(policy.revision)

    return blp


def changed(policy: Policy, body: dict[str, Any]) -> Policy:
    """The policy with what a validated body names, and the rest of it as it was."""
    caps = {**msgspec.to_builtins(policy.caps), **body.get("caps", {})}
    named = {**body, "caps": msgspec.convert(caps, Caps)}
    if "quiet_hours" in named:
        named["quiet_hours"] = tuple(named["quiet_hours"])
    return msgspec.structs.replace(policy, **named)
