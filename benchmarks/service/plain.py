"""The endpoints that are measured, in plain Flask and SQLAlchemy, on the service's own database file."""

import enum
import os

import sqlalchemy as sa
from flask import Flask, Response, abort, jsonify, request
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Base(DeclarativeBase):
    """The models' base."""


class Kind(enum.StrEnum):
    """What an item can be."""

    GOODS = "goods"
    LABOUR = "labour"


class Category(Base):
    """A group of items."""

    __tablename__ = "categories"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Item(Base):
    """An item."""

    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[Kind] = mapped_column(sa.Enum(Kind, native_enum=False, values_callable=list))
    category_id: Mapped[int] = mapped_column(sa.ForeignKey("categories.id"))
    category: Mapped[Category] = relationship(lazy="joined", innerjoin=True)

    def as_dict(self) -> dict[str, object]:
        """The item as JSON has it."""
        return {"id": self.id, "name": self.name, "kind": self.kind.value, "category": self.category.name}


def create_app() -> Flask:
    """The application."""
    app = Flask(__name__)
    engine = sa.create_engine(os.environ["PLAIN_DATABASE"])

    @app.get("/api/v1/items")
    def items() -> Response:
        page, per_page = request.args.get("page", 1, int), request.args.get("per_page", 20, int)
        with Session(engine) as session:
            total = session.scalar(sa.select(sa.func.count()).select_from(Item)) or 0
            rows = session.scalars(sa.select(Item).order_by(Item.id).limit(per_page).offset((page - 1) * per_page))
            shown = [row.as_dict() for row in rows]
        return jsonify(items=shown, page=page, per_page=per_page, pages=-(-total // per_page), total=total)

    @app.get("/api/v1/items/<int:item_id>")
    def item(item_id: int) -> Response:
        with Session(engine) as session:
            found = session.get(Item, item_id)
            if found is None:
                abort(404)
            return jsonify(found.as_dict())

    @app.post("/api/v1/items")
    def add() -> tuple[Response, int]:
        sent = request.get_json()
        with Session(engine) as session:
            category = session.scalar(sa.select(Category).filter_by(name=sent["category"]))
            if category is None:
                abort(409)
            added = Item(name=sent["name"], kind=Kind(sent["kind"]), category=category)
            session.add(added)
            session.flush()
            shown = jsonify(added.as_dict())
            session.commit()
            return shown, 201

    return app
