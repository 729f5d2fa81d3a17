"""The OpenAPI document as tests see it: asked by operation."""

import re
from pathlib import Path
from typing import Any

from domain.clock import SystemClock
from domain.settings import Settings
from service.app import create_app
from service.metrics import Metrics
from service.parts import Parts
from storage.engine import Database


class Nobody:
    """No brand here has a Firebase project to prove tokens of."""

    def subject(self, project: str, token: str) -> str | None:
        return None


class Document:
    """The OpenAPI document, asked by operation."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.raw = document

    @classmethod
    def served(cls, folder: Path) -> "Document":
        """The document as the application serves it; no request of this needs a database."""
        database = Database(f"sqlite:///{folder}/none.sqlite3")
        parts = Parts(
            settings=Settings(),
            database=database,
            clock=SystemClock(),
            metrics=Metrics(),
            id_tokens=Nobody(),
            wake=lambda: None,
            ready=dict,
        )
        try:
            return cls(create_app(parts).test_client().get("/openapi.json").json)
        finally:
            database.close()

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """The operation behind a path with its parameters filled in, or None."""
        for template, item in sorted(self.raw["paths"].items(), key=_generality):
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, path) and method.lower() in item:
                return {**item[method.lower()], "shared": item.get("parameters", [])}
        return None

    def may_call(self, operation: dict[str, Any], kind: str, *scopes: str) -> bool:
        """Whether a credential of this kind with these scopes is let in."""
        return any(kind in way and set(way[kind]) <= set(scopes) for way in operation["security"])

    def query(self, operation: dict[str, Any]) -> set[str]:
        return {p["name"] for p in self._parameters(operation) if p["in"] == "query"}

    def headers(self, operation: dict[str, Any]) -> set[str]:
        return {p["name"] for p in self._parameters(operation) if p["in"] == "header"}

    def body(
        self, operation: dict[str, Any], kind: str = "application/json"
    ) -> dict[str, Any] | None:
        schema: dict[str, Any] | None = (
            operation.get("requestBody", {}).get("content", {}).get(kind, {}).get("schema")
        )
        return schema and {**schema, "components": self.raw["components"]}

    def fields(self, operation: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
        """Every property of what the operation takes and answers, at any depth, with its schemas."""
        found: dict[str, list[dict[str, Any]]] = {}
        contents = [operation.get("requestBody", {}).get("content", {})]
        contents += [answer.get("content", {}) for answer in operation["responses"].values()]
        for content in contents:
            for media in content.values():
                self._collect(media["schema"], found, frozenset())
        return found

    def required(self, operation: dict[str, Any]) -> set[str]:
        """The properties that every request must have, those of list members included."""
        schema = (
            operation.get("requestBody", {})
            .get("content", {})
            .get("application/json", {})
            .get("schema")
        )
        return self._required(schema) if schema else set()

    def problem(self) -> set[str]:
        return set(self.raw["components"]["schemas"]["Problem"]["properties"])

    def _parameters(self, operation: dict[str, Any]) -> list[dict[str, Any]]:
        return [self._seen(p) for p in (*operation.get("parameters", []), *operation["shared"])]

    def _seen(self, schema: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in schema:
            return schema
        found: dict[str, Any] = self.raw
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return found

    def _collect(
        self, schema: dict[str, Any], found: dict[str, list[dict[str, Any]]], above: frozenset[str]
    ) -> None:
        name = schema.get("$ref", "")
        if name in above:
            return
        above |= {name} if name else set()
        schema = self._seen(schema)
        for key, value in schema.get("properties", {}).items():
            found.setdefault(key, []).append(self._seen(value))
            self._collect(value, found, above)
        inner = [schema.get("items"), schema.get("additionalProperties")]
        for each in (
            *inner,
            *(s for key in ("allOf", "anyOf", "oneOf") for s in schema.get(key, [])),
        ):
            if isinstance(each, dict):
                self._collect(each, found, above)

    def _required(self, schema: dict[str, Any]) -> set[str]:
        schema = self._seen(schema)
        names = set(schema.get("required", []))
        for name in schema.get("required", []):
            names |= self._required(schema["properties"][name])
        return names | (self._required(schema["items"]) if "items" in schema else set())


def _generality(path: tuple[str, dict[str, Any]]) -> int:
    """A path without parameters wins over one that could match it too."""
    return path[0].count("{")
