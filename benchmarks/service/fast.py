"""The endpoints that are measured, in FastAPI, with the models and the database of plain.py."""

import os

import sqlalchemy as sa
from fastapi import FastAPI, HTTPException, Query
from plain import Category, Item, Kind
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session


class NewItem(BaseModel):
    """An item as it is sent."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=100)
    kind: Kind
    category: str = Field(min_length=1, max_length=100)


class ShownItem(NewItem):
    """An item as it is answered."""

    id: int


class Page(BaseModel):
    """One page of the items."""

    items: list[ShownItem]
    page: int
    per_page: int
    pages: int
    total: int


def create_app() -> FastAPI:
    """The application."""
    app = FastAPI()
    engine = sa.create_engine(os.environ["PLAIN_DATABASE"])

    @app.get("/api/v1/items")
    def items(page: int = Query(1, ge=1), per_page: int = Query(20, ge=1, le=100)) -> Page:
        with Session(engine) as session:
            total = session.scalar(sa.select(sa.func.count()).select_from(Item)) or 0
            rows = session.scalars(sa.select(Item).order_by(Item.id).limit(per_page).offset((page - 1) * per_page))
            shown = [ShownItem.model_validate(row.as_dict()) for row in rows]
        return Page(items=shown, page=page, per_page=per_page, pages=-(-total // per_page), total=total)

    @app.get("/api/v1/items/{item_id}")
    def item(item_id: int) -> ShownItem:
        with Session(engine) as session:
            found = session.get(Item, item_id)
            if found is None:
                raise HTTPException(404)
            return ShownItem.model_validate(found.as_dict())

    @app.post("/api/v1/items", status_code=201)
    def add(new: NewItem) -> ShownItem:
        with Session(engine) as session:
            category = session.scalar(sa.select(Category).filter_by(name=new.category))
            if category is None:
                raise HTTPException(409)
            added = Item(name=new.name, kind=new.kind, category=category)
            session.add(added)
            session.flush()
            shown = ShownItem.model_validate(added.as_dict())
            session.commit()
            return shown

    return app
