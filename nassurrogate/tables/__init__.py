"""The one door for tabular files: labels, latencies, results of any origin, read alike by every command.

`read_table` reads a file; `file` finds out its format, `identity` which architecture a row is of, `naming` what a
column is, `values` whether its numbers can be that.
"""

from nassurrogate.tables.column import TableColumn
from nassurrogate.tables.options import TableOptions
from nassurrogate.tables.table import Table, parse_table, read_table

__all__ = ["Table", "TableColumn", "TableOptions", "parse_table", "read_table"]
