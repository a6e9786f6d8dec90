"""Tabular files of labels, latencies and other results: every command reads them here, in the same way.

`read_table` reads a file. `formats` detects its format, `identity` finds the architecture of each row, `naming` parses
the column names, and `values` checks the numbers.
"""

from nassurrogate.tables.column import TableColumn
from nassurrogate.tables.naming import Names
from nassurrogate.tables.options import TableOptions
from nassurrogate.tables.table import Table, parse_table, read_table

__all__ = ["Names", "Table", "TableColumn", "TableOptions", "parse_table", "read_table"]
