"""The resource that this service offers: items, one by one or in pages."""

from typing import Any

import sqlalchemy as sa
{% if cookiecutter.upstream %}
from flask import Response, current_app, url_for
{% else %}
from flask import Response, url_for
{% endif %}
from werkzeug.exceptions import NotFound

from . import NAME, VERSION
from .database import db
from .models import Category, Item
from .paging import Pages
from .problems import Unsuited, unreferenced
from .representations import Resource, load_body, load_query
from .schemas import ItemQuerySchema, ItemSchema

_item, _items, _query = ItemSchema(), ItemSchema(many=True), ItemQuerySchema()
_all = Pages(sa.select(Item).order_by(Item.id))
_of_kind = Pages(sa.select(Item).where(Item.kind == sa.bindparam("kind")).order_by(Item.id))
_by_id = sa.select(Item).where(Item.id == sa.bindparam("id"))
_by_name = sa.select(Category).where(Category.name == sa.bindparam("name"))


class ItemsResource(Resource):
    """All items{% if cookiecutter.upstream %}, and with them those of each upstream service{% endif %}."""

    def get(self) -> dict[str, Any]:
        """List the items in pages.
        ---
        operationId: listItems
        parameters:
          - {in: query, schema: ItemQuerySchema}
        responses:
          200: {description: One page of the items., schema: ItemsSchema}
        """
        query = load_query(_query)
{% if cookiecutter.upstream %}
        # First: another service may take its time, and meanwhile no connection to the database is held.
        upstreams = {name: upstream.items() for name, upstream in current_app.extensions["upstreams"].items()}
{% endif %}
        page = (_of_kind if "kind" in query else _all).page(**query)
        return {
            "service": NAME,
            "version": VERSION,
            "items": _items.dump(page.items),
            "page": page.page,
            "per_page": page.per_page,
            "pages": page.pages,
            "total": page.total,
{% if cookiecutter.upstream %}
            "upstreams": upstreams,
{% endif %}
        }

    def post(self) -> tuple[dict[str, Any], int, dict[str, str]]:
        """Add an item.
        ---
        operationId: addItem
        requestBody: {schema: ItemSchema}
        responses:
          201: {description: The item as it is now., schema: ItemSchema}
        """
        item = Item()
        _fill(item, load_body(_item))
        db.session.add(item)
        db.session.flush()
        # Before the commit: what is asked of the database after it may fail, and the item would be there all the same.
        answer = _item.dump(item), 201, {"Location": url_for("item", item_id=item.id)}
        db.session.commit()
        return answer


class ItemResource(Resource):
    """One item."""

    def get(self, item_id: int) -> dict[str, Any]:
        """Show an item.
        ---
        operationId: showItem
        responses:
          200: {description: The item., schema: ItemSchema}
        """
        shown: dict[str, Any] = _item.dump(_find(item_id))
        return shown

    def put(self, item_id: int) -> dict[str, Any]:
        """Replace an item.
        ---
        operationId: replaceItem
        requestBody: {schema: ItemSchema}
        responses:
          200: {description: The item as it is now., schema: ItemSchema}
        """
        values = load_body(_item)  # First: a client may take its time, and nobody else writes meanwhile.
        item = _find(item_id)
        _fill(item, values)
        db.session.flush()
        replaced: dict[str, Any] = _item.dump(item)
        db.session.commit()
        return replaced

    def delete(self, item_id: int) -> Response:
        """Remove an item.
        ---
        operationId: removeItem
        responses:
          204: {description: It is gone.}
        """
        db.session.delete(_find(item_id))
        with unreferenced("Something else refers to this item: it can be removed only after that."):
            db.session.commit()
        return Response(status=204)


def _fill(item: Item, values: dict[str, Any]) -> None:
    category = db.session.scalar(_by_name, {"name": values["category_name"]})
    if category is None:
        raise Unsuited("#/category", "There is no category of this name.")
    item.name, item.kind, item.category = values["name"], values["kind"], category


def _find(item_id: int) -> Item:
    item: Item | None = db.session.scalar(_by_id, {"id": item_id})
    if item is None:
        raise NotFound(f"There is no item {item_id}.")
    return item
