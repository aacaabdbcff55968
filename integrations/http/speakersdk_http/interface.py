"""The description of the interface, in OpenAPI 3.0.

pydantic writes schemas of OpenAPI 3.1. The bundled page shows 3.0, which has neither a type of null
nor a summary of the whole interface.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from speakersdk_http.questions import Question

_VERSION: Final = "3.0.3"
_FORMS: Final = "multipart/form-data"
_NULL: Final = {"type": "null"}


def body_of(kind: type[Question]) -> dict[str, Any]:
    """Describe the body of a request: JSON with base64, or a form with files."""
    schema = kind.model_json_schema(ref_template="#/components/schemas/{model}")
    content = {"application/json": _with_base64(schema), _FORMS: schema}
    return {
        "requestBody": {
            "required": True,
            "content": {form: {"schema": described} for form, described in content.items()},
        }
    }


def describe(app: FastAPI) -> dict[str, Any]:
    """Describe all paths of an application."""
    described = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version=_VERSION,
        description=app.description,
        routes=app.routes,
    )
    return {key: _nullable(value) for key, value in described.items()}


def _nullable(value: Any) -> Any:
    """Write `anyOf` with a type of null as OpenAPI 3.0 does."""
    if isinstance(value, list):
        return [_nullable(each) for each in value]
    if not isinstance(value, dict):
        return value
    kinds = value.get("anyOf", ())
    if _NULL not in kinds:
        return {key: _nullable(each) for key, each in value.items()}
    (kind,) = (each for each in kinds if each != _NULL)
    others = {key: each for key, each in value.items() if key != "anyOf"}
    return {**_nullable(kind), **_nullable(others), "nullable": True}


def _with_base64(schema: Any) -> Any:
    """Replace files by base64, which a JSON document can contain."""
    if isinstance(schema, list):
        return [_with_base64(each) for each in schema]
    if not isinstance(schema, dict):
        return "byte" if schema == "binary" else schema
    return {key: _with_base64(each) for key, each in schema.items()}
