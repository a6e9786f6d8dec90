"""Ground truth from tables: columns, layers of tables, the embedded one, the user's imports."""
