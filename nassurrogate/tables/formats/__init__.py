"""Files of every format that hold a table: what they are follows from their content, never from their name."""
