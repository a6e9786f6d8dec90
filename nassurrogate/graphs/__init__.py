"""Graphs of operations, independent of any space: `CellGraph`, its canonical form, and arrays of many."""
