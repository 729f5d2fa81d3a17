"""first tables"""

import sqlalchemy as sa
from alembic import op

from storage.models.base import Id, Json, UtcTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "brands",
        sa.Column("id", Id, nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("signing_secret", sa.String(length=100), nullable=False),
        sa.Column("ledger_key", sa.String(length=100), nullable=False),
        sa.Column("fcm_project", sa.String(length=200), nullable=True),
        sa.Column("fcm_credentials", sa.String(length=1000), nullable=True),
        sa.Column("policy", Json, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_brands")),
        sa.UniqueConstraint("slug", name=op.f("uq_brands_slug")),
    )
    op.create_table(
        "heartbeats",
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("process_id", Id, nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("role", "process_id", name=op.f("pk_heartbeats")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("scope_id", Id, nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=True),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("scope_id", "key", name=op.f("pk_idempotency_keys")),
    )
    with op.batch_alter_table("idempotency_keys") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_idempotency_keys_created_at"), ["created_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_idempotency_keys_customer_id"), ["customer_id"], unique=False
        )

    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("owner", Id, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("until", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "moments",
        sa.Column("id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("device_id", Id, nullable=True),
        sa.Column("cause", sa.String(length=10), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("store_id", Id, nullable=True),
        sa.Column("geofence_id", Id, nullable=True),
        sa.Column("visit_id", Id, nullable=True),
        sa.Column("due_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("decided_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_moments")),
        sa.UniqueConstraint(
            "customer_id", "cause", "key", name=op.f("uq_moments_customer_id_cause_key")
        ),
    )
    with op.batch_alter_table("moments") as batch_op:
        batch_op.create_index(
            "ix_moments_open",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("decided_at IS NULL"),
            postgresql_where=sa.text("decided_at IS NULL"),
        )
        batch_op.create_index(
            "uq_moments_open_habit",
            ["customer_id"],
            unique=True,
            sqlite_where=sa.text("cause = 'habit' AND decided_at IS NULL"),
            postgresql_where=sa.text("cause = 'habit' AND decided_at IS NULL"),
        )

    op.create_table(
        "received_ids",
        sa.Column("scope_id", Id, nullable=False),
        sa.Column("event_id", Id, nullable=False),
        sa.Column("received_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("scope_id", "event_id", name=op.f("pk_received_ids")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("received_ids") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_received_ids_received_at"), ["received_at"], unique=False
        )

    op.create_table(
        "visits",
        sa.Column("id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("device_id", Id, nullable=False),
        sa.Column("geofence_id", Id, nullable=False),
        sa.Column("store_id", Id, nullable=True),
        sa.Column("confidence", sa.Integer(), nullable=False),
        sa.Column("entered_at", UtcTime(), nullable=False),
        sa.Column("dwelled_at", UtcTime(), nullable=True),
        sa.Column("exited_at", UtcTime(), nullable=True),
        sa.Column("end_reason", sa.String(length=20), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visits")),
    )
    with op.batch_alter_table("visits") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_visits_customer_id_entered_at"),
            ["customer_id", "entered_at"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_visits_device_id"), ["device_id"], unique=False)

    op.create_table(
        "weather_observations",
        sa.Column("id", Id, nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("cell", sa.String(length=20), nullable=False),
        sa.Column("observed_at", UtcTime(), nullable=False),
        sa.Column("fetched_at", UtcTime(), nullable=False),
        sa.Column("word", sa.String(length=10), nullable=False),
        sa.Column("temperature", sa.Float(precision=53), nullable=True),
        sa.Column("wind", sa.Float(precision=53), nullable=True),
        sa.Column("precipitation", sa.Float(precision=53), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_weather_observations")),
    )
    with op.batch_alter_table("weather_observations") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_weather_observations_cell_observed_at"),
            ["cell", "observed_at"],
            unique=False,
        )

    op.create_table(
        "api_keys",
        sa.Column("id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("kind", sa.String(length=2), nullable=False),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("label", sa.String(length=200), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=True),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_api_keys_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_keys_token_hash")),
    )
    with op.batch_alter_table("api_keys") as batch_op:
        batch_op.create_index(batch_op.f("ix_api_keys_brand_id"), ["brand_id"], unique=False)

    op.create_table(
        "brand_profiles",
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["brand_id"], ["brands.id"], name=op.f("fk_brand_profiles_brand_id")
        ),
        sa.PrimaryKeyConstraint("brand_id", name=op.f("pk_brand_profiles")),
    )
    op.create_table(
        "consent_entries",
        sa.Column("id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("customer_id", Id, nullable=True),
        sa.Column("subject_hash", sa.String(length=64), nullable=True),
        sa.Column("device_id", Id, nullable=True),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("wording", sa.Text(), nullable=False),
        sa.Column("wording_version", sa.String(length=64), nullable=False),
        sa.Column("locale", sa.String(length=35), nullable=True),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("occurred_at", UtcTime(), nullable=False),
        sa.Column("recorded_at", UtcTime(), nullable=False),
        sa.Column("receipt", Json, nullable=True),
        sa.ForeignKeyConstraint(
            ["brand_id"], ["brands.id"], name=op.f("fk_consent_entries_brand_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_entries")),
    )
    with op.batch_alter_table("consent_entries") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_consent_entries_customer_id_purpose_recorded_at"),
            ["customer_id", "purpose", "recorded_at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_consent_entries_subject_hash"), ["subject_hash"], unique=False
        )

    op.create_table(
        "customers",
        sa.Column("id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=True),
        sa.Column("first_name", sa.String(length=200), nullable=True),
        sa.Column("locale", sa.String(length=35), nullable=True),
        sa.Column("time_zone", sa.String(length=64), nullable=True),
        sa.Column("details", Json, nullable=False),
        sa.Column("preferences", Json, nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_customers_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers")),
        sa.UniqueConstraint(
            "brand_id", "mode", "external_id", name=op.f("uq_customers_brand_id_mode_external_id")
        ),
    )
    op.create_table(
        "decisions",
        sa.Column("id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("customer_id", Id, nullable=True),
        sa.Column("moment_id", Id, nullable=False),
        sa.Column("cause", sa.String(length=10), nullable=False),
        sa.Column("decided_at", UtcTime(), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("reasons", Json, nullable=False),
        sa.Column("offer_id", Id, nullable=True),
        sa.Column("offer", sa.String(length=200), nullable=True),
        sa.Column("offer_revision", sa.Integer(), nullable=True),
        sa.Column("store_id", Id, nullable=True),
        sa.Column("consent_entry_id", Id, nullable=True),
        sa.Column("terms", Json, nullable=False),
        sa.Column("propensity", sa.Float(precision=53), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("local_date", sa.String(length=10), nullable=True),
        sa.Column("daypart", sa.Integer(), nullable=True),
        sa.Column("inputs", Json, nullable=True),
        sa.Column("redacted_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_decisions_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
        sa.UniqueConstraint("moment_id", name=op.f("uq_decisions_moment_id")),
    )
    with op.batch_alter_table("decisions") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_decisions_customer_id_decided_at"),
            ["customer_id", "decided_at"],
            unique=False,
        )
        batch_op.create_index(
            "uq_decisions_send",
            ["customer_id", "offer_id", "local_date", "daypart"],
            unique=True,
            sqlite_where=sa.text("outcome = 'send'"),
            postgresql_where=sa.text("outcome = 'send'"),
        )

    op.create_table(
        "events",
        sa.Column("id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("device_id", Id, nullable=True),
        sa.Column("event_id", Id, nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("store_id", Id, nullable=True),
        sa.Column("decision_id", Id, nullable=True),
        sa.Column("occurred_at", UtcTime(), nullable=False),
        sa.Column("received_at", UtcTime(), nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_events_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    with op.batch_alter_table("events") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_events_customer_id_occurred_at"),
            ["customer_id", "occurred_at"],
            unique=False,
        )

    op.create_table(
        "fence_changes",
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["brand_id"], ["brands.id"], name=op.f("fk_fence_changes_brand_id")
        ),
        sa.PrimaryKeyConstraint("brand_id", name=op.f("pk_fence_changes")),
    )
    op.create_table(
        "items",
        sa.Column("id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("sku", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("category", sa.String(length=200), nullable=False),
        sa.Column("tags", Json, nullable=False),
        sa.Column("services", Json, nullable=False),
        sa.Column("price", sa.Float(precision=53), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_items_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_items")),
        sa.UniqueConstraint("brand_id", "sku", name=op.f("uq_items_brand_id_sku")),
    )
    op.create_table(
        "messages",
        sa.Column("id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("decision_id", Id, nullable=False),
        sa.Column("offer_id", Id, nullable=False),
        sa.Column("push", Json, nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("finished_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_messages_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("decision_id", name=op.f("uq_messages_decision_id")),
    )
    with op.batch_alter_table("messages") as batch_op:
        batch_op.create_index(
            "ix_messages_backlog",
            ["state", "due_at"],
            unique=False,
            sqlite_where=sa.text("state IN ('queued', 'sending', 'unknown')"),
            postgresql_where=sa.text("state IN ('queued', 'sending', 'unknown')"),
        )
        batch_op.create_index(batch_op.f("ix_messages_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "offers",
        sa.Column("id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.Column("deleted_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_offers_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offers")),
        sa.UniqueConstraint("brand_id", "external_id", name=op.f("uq_offers_brand_id_external_id")),
    )
    op.create_table(
        "stores",
        sa.Column("id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("latitude", sa.Float(precision=53), nullable=False),
        sa.Column("longitude", sa.Float(precision=53), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=500), nullable=True),
        sa.Column("opening_hours", sa.String(length=2000), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_stores_brand_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stores")),
        sa.UniqueConstraint("brand_id", "external_id", name=op.f("uq_stores_brand_id_external_id")),
    )
    op.create_table(
        "consents",
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("entry_id", Id, nullable=False),
        sa.Column("since", UtcTime(), nullable=False),
        sa.Column("withdrawn_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_consents_customer_id")
        ),
        sa.PrimaryKeyConstraint("customer_id", "purpose", name=op.f("pk_consents")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("device_id", Id, nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("simulated", sa.Boolean(), nullable=False),
        sa.Column("provider_id", sa.String(length=300), nullable=True),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("detail", sa.String(length=300), nullable=True),
        sa.Column("attempted_at", UtcTime(), nullable=False),
        sa.Column("finished_at", UtcTime(), nullable=True),
        sa.Column("owner", Id, nullable=False),
        sa.Column("lease_until", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_deliveries_message_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint(
            "message_id", "device_id", name=op.f("uq_deliveries_message_id_device_id")
        ),
    )
    with op.batch_alter_table("deliveries") as batch_op:
        batch_op.create_index(batch_op.f("ix_deliveries_device_id"), ["device_id"], unique=False)
        batch_op.create_index(
            "ix_deliveries_sending",
            ["lease_until"],
            unique=False,
            sqlite_where=sa.text("status = 'sending'"),
            postgresql_where=sa.text("status = 'sending'"),
        )

    op.create_table(
        "devices",
        sa.Column("id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("platform", sa.String(length=10), nullable=False),
        sa.Column("target_kind", sa.String(length=5), nullable=False),
        sa.Column("target_value", sa.String(length=4096), nullable=True),
        sa.Column("target_dead_at", UtcTime(), nullable=True),
        sa.Column("target_dead_reason", sa.String(length=40), nullable=True),
        sa.Column("credential_hash", sa.String(length=64), nullable=True),
        sa.Column("locale", sa.String(length=35), nullable=True),
        sa.Column("time_zone", sa.String(length=64), nullable=True),
        sa.Column("app_version", sa.String(length=64), nullable=True),
        sa.Column("push_permission", sa.String(length=10), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("last_seen_at", UtcTime(), nullable=False),
        sa.Column("retired_at", UtcTime(), nullable=True),
        sa.Column("retired_reason", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_devices_brand_id")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_devices_customer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint("credential_hash", name=op.f("uq_devices_credential_hash")),
    )
    with op.batch_alter_table("devices") as batch_op:
        batch_op.create_index(batch_op.f("ix_devices_customer_id"), ["customer_id"], unique=False)
        batch_op.create_index(
            "uq_devices_live_target",
            ["brand_id", "mode", "target_value"],
            unique=True,
            sqlite_where=sa.text("retired_at IS NULL"),
            postgresql_where=sa.text("retired_at IS NULL"),
        )

    op.create_table(
        "geofences",
        sa.Column("id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("store_id", Id, nullable=True),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("shape", Json, nullable=False),
        sa.Column("dwell_s", sa.Integer(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["brand_id"], ["brands.id"], name=op.f("fk_geofences_brand_id")),
        sa.ForeignKeyConstraint(["store_id"], ["stores.id"], name=op.f("fk_geofences_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_geofences")),
        sa.UniqueConstraint(
            "brand_id", "external_id", name=op.f("uq_geofences_brand_id_external_id")
        ),
    )
    with op.batch_alter_table("geofences") as batch_op:
        batch_op.create_index(batch_op.f("ix_geofences_store_id"), ["store_id"], unique=False)

    op.create_table(
        "offer_counters",
        sa.Column("offer_id", Id, nullable=False),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("sends", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["offer_id"], ["offers.id"], name=op.f("fk_offer_counters_offer_id")
        ),
        sa.PrimaryKeyConstraint("offer_id", "mode", "day", name=op.f("pk_offer_counters")),
    )
    op.create_table(
        "offer_revisions",
        sa.Column("offer_id", Id, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.Column("saved_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["offer_id"], ["offers.id"], name=op.f("fk_offer_revisions_offer_id")
        ),
        sa.PrimaryKeyConstraint("offer_id", "revision", name=op.f("pk_offer_revisions")),
    )
    op.create_table(
        "profiles",
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("fk_profiles_customer_id")
        ),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_profiles")),
    )
    with op.batch_alter_table("profiles") as batch_op:
        batch_op.create_index(batch_op.f("ix_profiles_brand_id"), ["brand_id"], unique=False)

    op.create_table(
        "device_positions",
        sa.Column("device_id", Id, nullable=False),
        sa.Column("brand_id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("latitude", sa.Float(precision=53), nullable=False),
        sa.Column("longitude", sa.Float(precision=53), nullable=False),
        sa.Column("accuracy_m", sa.Float(precision=53), nullable=False),
        sa.Column("occurred_at", UtcTime(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_device_positions_device_id")
        ),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_device_positions")),
    )
    with op.batch_alter_table("device_positions") as batch_op:
        batch_op.create_index(
            batch_op.f("ix_device_positions_brand_id_latitude"),
            ["brand_id", "latitude"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_device_positions_customer_id"), ["customer_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_device_positions_due_at"), ["due_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("device_positions") as batch_op:
        batch_op.drop_index(batch_op.f("ix_device_positions_due_at"))
        batch_op.drop_index(batch_op.f("ix_device_positions_customer_id"))
        batch_op.drop_index(batch_op.f("ix_device_positions_brand_id_latitude"))

    op.drop_table("device_positions")
    with op.batch_alter_table("profiles") as batch_op:
        batch_op.drop_index(batch_op.f("ix_profiles_brand_id"))

    op.drop_table("profiles")
    op.drop_table("offer_revisions")
    op.drop_table("offer_counters")
    with op.batch_alter_table("geofences") as batch_op:
        batch_op.drop_index(batch_op.f("ix_geofences_store_id"))

    op.drop_table("geofences")
    with op.batch_alter_table("devices") as batch_op:
        batch_op.drop_index(
            "uq_devices_live_target",
            sqlite_where=sa.text("retired_at IS NULL"),
            postgresql_where=sa.text("retired_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_devices_customer_id"))

    op.drop_table("devices")
    with op.batch_alter_table("deliveries") as batch_op:
        batch_op.drop_index(
            "ix_deliveries_sending",
            sqlite_where=sa.text("status = 'sending'"),
            postgresql_where=sa.text("status = 'sending'"),
        )
        batch_op.drop_index(batch_op.f("ix_deliveries_device_id"))

    op.drop_table("deliveries")
    op.drop_table("consents")
    op.drop_table("stores")
    op.drop_table("offers")
    with op.batch_alter_table("messages") as batch_op:
        batch_op.drop_index(batch_op.f("ix_messages_customer_id"))
        batch_op.drop_index(
            "ix_messages_backlog",
            sqlite_where=sa.text("state IN ('queued', 'sending', 'unknown')"),
            postgresql_where=sa.text("state IN ('queued', 'sending', 'unknown')"),
        )

    op.drop_table("messages")
    op.drop_table("items")
    op.drop_table("fence_changes")
    with op.batch_alter_table("events") as batch_op:
        batch_op.drop_index(batch_op.f("ix_events_customer_id_occurred_at"))

    op.drop_table("events")
    with op.batch_alter_table("decisions") as batch_op:
        batch_op.drop_index(
            "uq_decisions_send",
            sqlite_where=sa.text("outcome = 'send'"),
            postgresql_where=sa.text("outcome = 'send'"),
        )
        batch_op.drop_index(batch_op.f("ix_decisions_customer_id_decided_at"))

    op.drop_table("decisions")
    op.drop_table("customers")
    with op.batch_alter_table("consent_entries") as batch_op:
        batch_op.drop_index(batch_op.f("ix_consent_entries_subject_hash"))
        batch_op.drop_index(batch_op.f("ix_consent_entries_customer_id_purpose_recorded_at"))

    op.drop_table("consent_entries")
    op.drop_table("brand_profiles")
    with op.batch_alter_table("api_keys") as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_keys_brand_id"))

    op.drop_table("api_keys")
    with op.batch_alter_table("weather_observations") as batch_op:
        batch_op.drop_index(batch_op.f("ix_weather_observations_cell_observed_at"))

    op.drop_table("weather_observations")
    with op.batch_alter_table("visits") as batch_op:
        batch_op.drop_index(batch_op.f("ix_visits_device_id"))
        batch_op.drop_index(batch_op.f("ix_visits_customer_id_entered_at"))

    op.drop_table("visits")
    with op.batch_alter_table("received_ids") as batch_op:
        batch_op.drop_index(batch_op.f("ix_received_ids_received_at"))

    op.drop_table("received_ids")
    with op.batch_alter_table("moments") as batch_op:
        batch_op.drop_index(
            "uq_moments_open_habit",
            sqlite_where=sa.text("cause = 'habit' AND decided_at IS NULL"),
            postgresql_where=sa.text("cause = 'habit' AND decided_at IS NULL"),
        )
        batch_op.drop_index(
            "ix_moments_open",
            sqlite_where=sa.text("decided_at IS NULL"),
            postgresql_where=sa.text("decided_at IS NULL"),
        )

    op.drop_table("moments")
    op.drop_table("leases")
    with op.batch_alter_table("idempotency_keys") as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotency_keys_customer_id"))
        batch_op.drop_index(batch_op.f("ix_idempotency_keys_created_at"))

    op.drop_table("idempotency_keys")
    op.drop_table("heartbeats")
    op.drop_table("brands")
