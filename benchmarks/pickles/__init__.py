"""Pickles that are not trusted: plain data is read from them, nothing in them is executed, and memory is bounded.

Benchmark files are pickles, a format that can name any function and call it, and make gigabytes out of ten bytes. So
no ordinary unpickler reads them here:

- `plain`: small tables, such as the embedded one. The standard library's unpickler, which refuses every named object
  and is given only opcodes that make small objects;
- `stream`: official files of any size, up to several GB. An unpickler of our own that knows data opcodes alone, and
  whose caller shrinks dictionaries as soon as they are complete;
- `memo`: what a pickle may refer back to. The standard unpickler remembers every object until the end, tens of GB for
  the official file of NAS-Bench-201; this memo forgets old ones, and a second reading keeps those that were missed;
- `globals`: the few named objects of plain data, such as `collections.OrderedDict` or a numpy number, each replaced by
  a harmless stand-in. Every other name is refused.

Tests compare both readers with `pickle` and `pickletools` (`tests/benchmarks/pickles/test_pickles.py`) and attack them
(`tests/benchmarks/importers/test_hostile.py`).
"""
