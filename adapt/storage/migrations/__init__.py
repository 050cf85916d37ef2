"""The database's history: one file per change of the tables, run by alembic when a workspace opens."""
