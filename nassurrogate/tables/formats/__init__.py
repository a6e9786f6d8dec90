"""File formats of tables; the format is detected from the content, never from the name."""
