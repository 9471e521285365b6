"""What requests may say and answers do say; `openapi.py` describes the API by the same schemas."""

import re
import warnings
from typing import Any

with warnings.catch_warnings(action="ignore"):
    # It asks for marshmallow-sqlalchemy: 5 MiB of each worker, which only schemas made from models need.
    from flask_marshmallow import Marshmallow
from marshmallow import EXCLUDE, RAISE, ValidationError, fields, validate

from .models import Kind

ma = Marshmallow()

# No control characters and no characters that are none: neither XML nor every database takes them.
# The end twice: to Python `$` is before a line break at the end, too; to JSON Schema it is not.
LINE = validate.Regexp(r"^[^\u0000-\u001f\u007f-\u009f\ufffe\uffff]*$(?!\n)", error="Not one line of text.")
# The highest that a database's integer goes; and pages that can be counted off within it.
MAX_ID = 2**31 - 1
MAX_PAGE = 1_000_000


def whole_characters(text: str) -> None:
    """Refuse half a character, which JSON can say but no encoding can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValidationError("Holds half a character.") from None


class Line(fields.String):
    """One line of text, of up to 100 characters."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=[validate.Length(1, 100), LINE, whole_characters], **kwargs)


class Whole(fields.Integer):
    """A whole number in a query: digits alone, where Python also takes blanks around them, `1_0` and other scripts'."""

    def _validated(self, value: Any) -> int:
        if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,18}", value):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class ItemSchema(ma.Schema):  # type: ignore[name-defined,misc]
    """An item."""

    class Meta:
        unknown = RAISE

    id = fields.Integer(dump_only=True)
    name = Line(required=True)
    kind = fields.Enum(Kind, by_value=True, required=True)
    category = Line(required=True, attribute="category_name")


class ItemQuerySchema(ma.Schema):  # type: ignore[name-defined,misc]
    """Which of the items, and which page of them."""

    class Meta:
        unknown = RAISE

    page = Whole(load_default=1, validate=validate.Range(1, MAX_PAGE))
    per_page = Whole(load_default=20, validate=validate.Range(1, 100))
    kind = fields.Enum(Kind, by_value=True)


class UpstreamItemSchema(ma.Schema):  # type: ignore[name-defined,misc]
    """An item of another service, as far as this one knows of it."""

    class Meta:
        unknown = EXCLUDE

    id = fields.Integer(required=True)
    name = fields.String(required=True, validate=[LINE, whole_characters])


class UpstreamItemsSchema(ma.Schema):  # type: ignore[name-defined,misc]
    """The items of another service, as far as this one relies on its answer."""

    class Meta:
        unknown = EXCLUDE

    version = fields.String(required=True, validate=[LINE, whole_characters])
    items = fields.List(fields.Nested(UpstreamItemSchema), required=True)


class ItemsSchema(ma.Schema):  # type: ignore[name-defined,misc]
    """One page of the items, and who answers."""

    service = fields.String(required=True)
    version = fields.String(required=True)
    items = fields.List(fields.Nested(ItemSchema), required=True)
    page = fields.Integer(required=True)
    per_page = fields.Integer(required=True)
    pages = fields.Integer(required=True)
    total = fields.Integer(required=True)
{% if cookiecutter.upstream %}
    upstreams = fields.Dict(fields.String(), fields.Nested(UpstreamItemsSchema), required=True)
{% endif %}


class ErrorSchema(ma.Schema):  # type: ignore[name-defined,misc]
    """One thing that is wrong with a request: `pointer` into the body, or the `parameter` of the query."""

    pointer = fields.String()
    parameter = fields.String()
    detail = fields.String(required=True)


class ProblemSchema(ma.Schema):  # type: ignore[name-defined,misc]
    """An error (RFC 9457). `trace_id` finds the request in the logs."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    trace_id = fields.String(required=True)
    errors = fields.List(fields.Nested(ErrorSchema))


class LiveSchema(ma.Schema):  # type: ignore[name-defined,misc]
    """That the process runs."""

    status = fields.String(required=True)


class ReadySchema(ma.Schema):  # type: ignore[name-defined,misc]
    """Whether requests can be answered, and by what; `reason` if not."""

    status = fields.String(required=True)
    name = fields.String(required=True)
    version = fields.String(required=True)
    release = fields.String(required=True)
    reason = fields.String()
