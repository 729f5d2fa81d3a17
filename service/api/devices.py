"""`/v1/devices`"""

from datetime import datetime
from typing import Any

from flask_smorest import Blueprint

from domain.access import Principal
from service import tokens
from service.auth import Authenticator
from service.limits import Limiter
from service.parts import Parts, project_of
from service.revisions import gone
from service.schemas.base import value_of
from service.schemas.devices import (
    ChangeDeviceSchema,
    DeviceSchema,
    RegisterDeviceSchema,
    RegisteredDeviceSchema,
)
from service.settling import Settling
from storage import brands, devices
from storage.devices import Install, Registered
from storage.engine import Transaction


def blueprint(parts: Parts, auth: Authenticator) -> Blueprint:
    blp = Blueprint("devices", __name__, url_prefix="/v1/devices", description="Installs of apps")
    limiter = Limiter(parts.settings.register_per_minute)
    settling = Settling(parts.database)

    @blp.post("")
    @auth.app
    @blp.arguments(RegisterDeviceSchema)
    @blp.response(201, RegisteredDeviceSchema)
    @blp.alt_response(200, schema=RegisteredDeviceSchema, description="The same device again")
    @blp.doc(operationId="register_device")
    def register_device(body: dict[str, Any], principal: Principal) -> Any:
        """Register an install of the app.

        The answer carries a secret, so it is never stored: an Idempotency-Key changes nothing here.
        """
        limiter.take(principal.credential_id)
        external_id = _proved(parts, body.pop("customer_token", None), principal)
        install = value_of(body, Install)

        registered = parts.database.write(
            lambda tx: _register(tx, install, principal, external_id, parts.clock.now())
        )
        if principal.device_id and external_id:
            settling.after_link(registered.device.id, registered.device.customer_id)
        return registered, 201 if registered.created else 200

    @blp.patch("/me")
    @auth.device
    @blp.arguments(ChangeDeviceSchema)
    @blp.response(200, DeviceSchema)
    @blp.doc(operationId="change_device")
    def change_device(body: dict[str, Any], principal: Principal) -> Any:
        external_id = _proved(parts, body.pop("customer_token", None), principal)
        device = parts.database.write(
            lambda tx: devices.change(
                tx,
                principal.device_id or "",
                body,
                now=parts.clock.now(),
                external_id=external_id,
            )
        )
        if external_id:
            settling.after_link(device.id, device.customer_id)
        return device

    @blp.delete("/me")
    @auth.device
    @blp.response(204)
    @blp.doc(operationId="sign_out_device")
    def sign_out_device(principal: Principal) -> Any:
        """Sign the device out: its credential ends, its target is free, its position is deleted."""
        device_id = principal.device_id or ""
        parts.database.write(lambda tx: _sign_out(tx, device_id, parts.clock.now()))
        settling.after_sign_out(device_id)
        return gone()

    return blp


def _register(
    tx: Transaction, install: Install, principal: Principal, external_id: str | None, now: datetime
) -> Registered:
    if principal.device_id:
        return devices.register_again(
            tx, principal.device_id, install, now=now, external_id=external_id
        )
    return devices.register(
        tx,
        install,
        brand_id=principal.brand_id,
        mode=principal.mode,
        now=now,
        external_id=external_id,
    )


def _sign_out(tx: Transaction, device_id: str, now: datetime) -> None:
    devices.lock(tx, device_id)
    devices.retire(tx, device_id, reason="signed_out", now=now)


def _proved(parts: Parts, token: str | None, principal: Principal) -> str | None:
    """The external id that a customer_token proves; None where there is no token."""
    if token is None:
        return None
    with parts.database.read() as tx:
        brand = brands.by_id(tx, principal.brand_id)
    return tokens.external_id(
        token,
        brand,
        project=project_of(brand, parts.settings),
        id_tokens=parts.id_tokens,
        now=parts.clock.now(),
    )
