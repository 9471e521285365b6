"""The tables. After a change, `{{ cookiecutter.name }} db revision --autogenerate` writes the migration."""

import enum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .database import db


class Kind(enum.StrEnum):
    """What an item can be."""

    GOODS = "goods"
    LABOUR = "labour"


class Category(db.Model):  # type: ignore[name-defined,misc]
    """A group of items."""

    __tablename__ = "categories"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100), unique=True)


class Item(db.Model):  # type: ignore[name-defined,misc]
    """One thing that this service knows of."""

    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100))
    # Its values as text, which every database knows and a migration can add to.
    kind: Mapped[Kind] = mapped_column(
        sa.Enum(
            Kind,
            name="kind",
            native_enum=False,
            validate_strings=True,
            create_constraint=True,
            length=20,
            values_callable=lambda kinds: [kind.value for kind in kinds],
        )
    )
    category_id: Mapped[int] = mapped_column(sa.ForeignKey("categories.id"), index=True)
    category: Mapped[Category] = relationship(lazy="joined", innerjoin=True)

    @property
    def category_name(self) -> str:
        """The name of its category."""
        return self.category.name
