"""Items and their categories, with a few of each, so that a fresh service has something to answer with."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    categories = op.create_table(
        "categories",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_categories"),
        sa.UniqueConstraint("name", name="uq_categories_name"),
    )
    items = op.create_table(
        "items",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("category_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind IN ('goods', 'labour')", name=op.f("ck_items_kind")),
        sa.ForeignKeyConstraint(["category_id"], ["categories.id"], name="fk_items_category_id"),
        sa.PrimaryKeyConstraint("id", name="pk_items"),
    )
    op.create_index("ix_items_category_id", "items", ["category_id"])
    # The ids are left to the database: on PostgreSQL its sequence would not know of ones given here.
    op.bulk_insert(categories, [{"name": "general"}, {"name": "spare parts"}])
    general = sa.select(categories.c.id).where(categories.c.name == "general").scalar_subquery()
    for name in ("first of {{ cookiecutter.name }}", "second of {{ cookiecutter.name }}"):
        op.execute(items.insert().values(name=name, kind="goods", category_id=general))


def downgrade() -> None:
    op.drop_table("items")
    op.drop_table("categories")
