"""Alembic's entry: the connection is handed over by ``database.py``."""

from __future__ import annotations

from alembic import context

from agent.engine.tables import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
