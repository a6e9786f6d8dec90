"""Files that once crashed a command, kept it busy for minutes, filled the memory, or were read wrongly in silence."""

from __future__ import annotations

import gzip
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from nassurrogate.errors import InputError
from nassurrogate.spaces import get_space
from nassurrogate.surrogate import Surrogate
from nassurrogate.tables import Table, TableOptions, parse_table
from nassurrogate.tables.architectures import read_architectures
from nassurrogate.tables.faults import Faults
from tests.command_line import CommandLine

NB201, NB101 = get_space("nb201"), get_space("nb101")
A, B, C = (NB201.parse(index).string for index in (7, 12, 3))
TRAIN = ("train", "--file", "mine.csv", "--predictor", "ridge", "--seed", 0, "--out", "m")
IMPORT = ("data", "import", "nb201", "mine.csv", "--name", "mine", "--replace", "--dataset", "cifar10")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model."""
    path = tmp_path_factory.mktemp("model") / "model"
    Surrogate("nb201", predictor="ridge").fit([A, B, C], [90.0, 91.0, 92.0]).save(path)
    return path


@pytest.fixture
def refused(cli: CommandLine, folder: Path, model: Path) -> Callable[..., str]:
    """Writes a file that all three commands refuse, in one line and the same words; what they said."""

    def run(content: str | bytes, *, score: bool = True) -> str:
        (folder / "mine.csv").write_bytes(content.encode() if isinstance(content, str) else content)
        commands = [TRAIN, IMPORT, *([("score", model, "--file", "mine.csv")] if score else [])]
        done = [cli(*command) for command in commands]
        assert all((each.code, each.out, each.err.count("\n")) == (2, "", 1) for each in done), done
        assert len({each.err.split("error: ")[-1] for each in done}) == 1, done
        return str(done[0].err)

    return run


def read(content: str | bytes, space: Any = NB201, **options: Any) -> Table:
    """What is read from a file."""
    content = content.encode() if isinstance(content, str) else content
    return parse_table(space, content, "mine.csv", TableOptions(**options))


def values(table: Table) -> dict[str, list[float]]:
    """Metric → values."""
    return {column.metric: column.values[:, 0].tolist() for column in table.columns}


def in_parquet(**columns: Any) -> bytes:
    """A Parquet file."""
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table(columns), sink)
    return bytes(sink.getvalue().to_pybytes())


# --- crashes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "message"),
    [("index", "line 1: index 999"), ("arch", "line 1: expected an architecture of nb201, got 999")],
)
def test_an_index_of_400_digits(refused: Callable[..., str], name: str, message: str) -> None:
    line = refused(f'{{"{name}": {"9" * 400}, "val_accuracy_pct": 9}}\n')
    assert message in line
    assert len(line) < 300


@pytest.mark.parametrize(
    "column",
    [
        pa.array([2**31 - 1, 2], pa.int32()).cast(pa.date32()),
        pa.array([2**62, 2], pa.int64()).cast(pa.duration("s")),
        pa.array([1, 2], pa.int64()).cast(pa.timestamp("us", tz="Foo/Bar")),
        pa.array([1, 2], pa.int64()).cast(pa.time64("ns")),
        pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64())),
    ],
    ids=["date", "duration", "time zone", "time", "map"],
)
def test_columns_of_times_are_skipped_with_a_note(column: Any) -> None:
    table = read(in_parquet(arch=[A, B], val_accuracy_pct=[91.2, 3.0], when=column))
    assert values(table) == {"val_accuracy_pct": [91.2, 3.0]}
    assert table.notes == ["mine.csv: columns without numbers are skipped: when"]


def test_values_of_every_useful_type_in_parquet() -> None:
    table = read(
        in_parquet(
            arch=pa.array([A, B, C]).dictionary_encode(),
            whole_ms=pa.array([1, None, 3]),
            half_ms=pa.array([1.5, None, 2.5], pa.float16()),
            number_ms=pa.array([1.25, None, float("nan")]),
            decimal_ms=pa.array([1, 2, 3], pa.decimal128(38, 0)),
            text_ms=pa.array(["1.5", "", None], pa.large_string()),
            bytes_ms=pa.array([b"1.5", b"2", None]),
            coded_ms=pa.array([1.5, None, 1.5]).dictionary_encode(),
            is_good=[True, None, False],
        )
    )
    found = {name: [None if x != x else x for x in column] for name, column in values(table).items()}
    assert found == {
        "whole_ms": [1, None, 3],
        "half_ms": [1.5, None, 2.5],
        "number_ms": [1.25, None, None],
        "decimal_ms": [1, 2, 3],
        "text_ms": [1.5, None, None],
        "bytes_ms": [1.5, 2, None],
        "coded_ms": [1.5, None, 1.5],
    }
    assert table.notes == ["mine.csv: columns without numbers are skipped: is_good"]


@pytest.mark.usefixtures("enumerated_nb101")
def test_lists_and_structs_of_parquet_and_json() -> None:
    matrix, ops = [[0, 1], [0, 0]], ["input", "output"]
    parts = {"module_adjacency": [matrix], "module_operations": [ops]}
    expected = read(in_parquet(**parts, latency_ms=[2.5]), NB101).archs
    assert expected == read(in_parquet(arch=[{"matrix": matrix, "ops": ops}], latency_ms=[2.5]), NB101).archs
    row = {"module_adjacency": matrix, "module_operations": ops, "latency_ms": 2.5}
    assert expected == read(json.dumps([row]), NB101).archs == read(json.dumps(row), NB101).archs


# --- hangs -----------------------------------------------------------------------------------------------------------


def test_digits_without_end(refused: Callable[..., str]) -> None:
    """Numbers were matched in a time that grows with the square of their length."""
    cells = [NB201.parse(index).string for index in range(300)]
    line = refused("arch,a_ms\n" + "".join(f"{cell},{'1' * 100_000}x\n" for cell in cells), score=False)
    assert "line 2: a_ms is '1111" in line
    assert "298 more rows have no number in 'a_ms'" in line


def test_300_000_keys(refused: Callable[..., str]) -> None:
    keys = ",".join(f'"c{i}":1' for i in range(300_000))
    assert "line 1 is not readable JSON (two values named 'c299999')" in refused(f'{{{keys},"c299999":2}}\n')


@pytest.mark.parametrize("name", [f"a({' ' * 9000}b", "_" * 10_000, "_val_acc" * 1250])
def test_long_names(refused: Callable[..., str], name: str) -> None:
    line = refused(f"arch,{name}\n{A},3\n{B},4\n")
    assert "characters; expected at most 200" in line
    assert len(line) < 300


# --- memory ----------------------------------------------------------------------------------------------------------


def test_too_many_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("nassurrogate.tables.formats.raw.MAX_ROWS", 3)
    (tmp_path / "list").write_text(f"{A}\n" * 4)
    content: tuple[str | bytes, ...] = (
        "index,a_ms\n" + "1,1\n" * 4, '{"index":1}\n' * 4, json.dumps([{"index": 1}] * 4), in_parquet(index=[1] * 4)
    )  # fmt: skip
    for each in content:
        with pytest.raises(InputError, match="has more than 3 rows, the limit for a table"):
            read(each)
    with pytest.raises(InputError, match="has more than 3 rows, the limit for a table"):
        read_architectures(NB201, tmp_path / "list")


def test_too_many_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nassurrogate.tables.formats.raw.MAX_CELLS", 8)
    for content in ("a,b,c\n" + "1,1,\n" * 3, '{"a":1,"b":1,"c":1}\n' * 3, in_parquet(a=[1] * 3, b=[1] * 3, c=[1] * 3)):
        with pytest.raises(InputError, match="has more than 8 values in its 3 columns, the limit for a table; leave"):
            read(content)


def test_a_name_in_each_row_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each new key is a column with a value for all rows before."""
    monkeypatch.setattr("nassurrogate.tables.formats.raw.MAX_CELLS", 400)
    with pytest.raises(InputError, match="has more than 400 values in its 21 columns"):
        read("".join(f'{{"c{i}":1}}\n' for i in range(1000)))


@pytest.mark.parametrize("content", ['{"x":[%s[]]}\n', '[{"x":[%s[]]}]', "a,b\n%s1\n", 'a,b\n"%s",1\n'])
def test_a_row_without_end(monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    for module in ("decoding", "records", "delimited"):
        monkeypatch.setattr(f"nassurrogate.tables.formats.{module}.MAX_ROW", 1000)
    with pytest.raises(InputError, match=r"1,000 characters; expected one architecture per|is not readable JSON"):
        read(content % (30_000 * ("[],\n" if '"%s"' in content else "[],")))


def test_a_text_that_is_used_often() -> None:
    """20,000 rows with one text of 10 MB: a small file, and 200 GB of copies."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array([A * 100_000]))
    with pytest.raises(InputError, match="has more than 512 MiB of text"):
        read(in_parquet(arch=text))


def test_lists_without_end_in_parquet(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="the lists in column 'x' are too long"):
        read(in_parquet(index=[1], x=[[0] * 3_000_000]))
    monkeypatch.setattr("nassurrogate.tables.formats.parquet._MAX_ELEMENTS", 100)
    with pytest.raises(InputError, match="has more than 100 elements in its lists"):
        read(in_parquet(index=[1], x=[[0] * 101]))


def test_reading_stops_after_many_faults() -> None:
    with pytest.raises(InputError, match=r"has at least 1000 problems: \(1\) line 2 has 3 fields.*; and 995 more"):
        read("a,b\n" + ",,\n" * 5000)
    with pytest.raises(InputError, match="has at least 1000 problems"):
        read('{"a":1}\n' + "x\n" * 5000)
    faults = Faults("mine.csv")
    for number in range(10):
        faults.add(str(number))
    assert len(faults) == 10
    assert str(faults.as_error()) == "mine.csv has 10 problems: (1) 0; (2) 1; (3) 2; (4) 3; (5) 4; and 5 more"


def test_nesting_without_end(refused: Callable[..., str]) -> None:
    deep = "[" * 500 + "]" * 500
    assert "line 1: 'arch' is nested too deeply" in refused(f'{{"arch":{deep},"val_accuracy_pct":3}}\n')


LIMITED = """
import resource, sys
from pathlib import Path
from nassurrogate.errors import InputError
from nassurrogate.spaces import get_space
from nassurrogate.tables import parse_table
from tests.command_line import CommandLine
resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))
try:
    parse_table(get_space("nb201"), sys.stdin.buffer.read(), "bomb")
except InputError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory")
@pytest.mark.skipif(not hasattr(resource, "RLIMIT_DATA"), reason="limits the memory")
def test_a_bomb_of_lists_fits_into_a_gigabyte() -> None:
    """One object of 30 million empty lists, which would take 2 GB, in 100 kB."""
    bomb = gzip.compress(b'{"arch":[' + b"[]," * 30_000_000 + b"[]]}", 6)
    done = subprocess.run([sys.executable, "-c", LIMITED], input=bomb, capture_output=True, timeout=60, check=False)
    assert done.stdout.decode().startswith("bomb, line 1 has more than 4,194,304 characters"), done.stderr[-500:]


# --- what was read wrongly -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"arch,val_accuracy_pct\n{A},9\n".encode("utf-16-le"), "line 1 has a NUL byte; if it is UTF-16, save it as"),
        (f"arch,val_accuracy_pct\n{A},9\0\n".encode(), "line 2 has a NUL byte"),
        (f"// by me\narch,val_accuracy_pct\n{A},9\n", "line 1 looks like a comment; comments start with # ('//"),
        (f"# a\n% by me\narch,val_accuracy_pct\n{A},9\n", "line 2 looks like a comment; comments start with #"),
        (f"; by me, 2024\narch,val_accuracy_pct\n{A},9\n", "line 1 looks like a comment; comments start with #"),
        (f"-- by me\narch,val_accuracy_pct\n{A},9\n", "line 1 looks like a comment; comments start with #"),
        (f"#arch,latency_ms\n{A},9.5\n{B},8\n", "line 1 looks like a header after a #; remove the #"),
        (f"sep=|\narch|latency_ms\n{A},9.5\n", "line 1 names the separator '|'; expected a comma, a semicolon or a"),
        ("arch,latency_ms\n00000010,9.5\n", "line 2: '00000010' has leading zeros, so it is not an index"),
        ("index,latency_ms\n0012,9.5\n", "line 2: '0012' has leading zeros, so it is not an index"),
    ],
)  # fmt: skip
def test_all_commands_name_the_cause(refused: Callable[..., str], content: str | bytes, message: str) -> None:
    assert message in refused(content)


def test_a_decimal_comma_is_no_text(refused: Callable[..., str]) -> None:
    line = refused(f"arch;val_accuracy;latency_ms\n{A};91,2;3\n{B};;4\n")
    assert "line 2: val_accuracy is '91,2'; expected a number with a decimal point, such as 91.2" in line
    table = read(f"arch;remark;latency_ms\n{A};good;3\n{B};3,5;4\n")
    assert "mine.csv: columns without numbers are skipped: remark" in table.notes


def test_a_separator_line_of_excel(cli: CommandLine, folder: Path, model: Path) -> None:
    content = f"sep=;\narch;latency_ms\n{A};9,5\n"
    with pytest.raises(InputError, match="line 3: latency_ms is '9,5'"):
        read(content)
    (folder / "mine.csv").write_text(content.replace("9,5", "9.5"))
    assert values(read((folder / "mine.csv").read_bytes())) == {"latency_ms": [9.5]}
    for command in ((*TRAIN, "--metric", "latency_ms"), IMPORT, ("score", model, "--file", "mine.csv")):
        assert cli(*command).code == 0


def test_an_unnamed_index_with_semicolons_is_no_comment() -> None:
    assert values(read(f";arch;latency_ms\n0;{A};9.5\n")) == {"latency_ms": [9.5]}


def test_a_comment_with_the_names_is_no_header() -> None:
    assert values(read(f"# arch, latency_ms\narch,latency_ms\n{A},9.5\n")) == {"latency_ms": [9.5]}


def test_a_hash_in_a_quoted_field_is_no_comment() -> None:
    table = read(f'# by me\narch,note,a_ms\n{A},"two\n# lines",91.2\n# between\n{B},x,12\n')
    assert values(table) == {"a_ms": [91.2, 12]}
    assert "mine.csv: 2 comment lines (#) skipped" in table.notes
    with pytest.raises(InputError, match="line 5: a_ms is 'x'"):
        read(f'arch,note,a_ms\n{A},"two\n# lines",91.2\n\n{B},x,x\n')


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("val_acc%", "val_acc_pct"), ("val_acc %", "val_acc_pct"), ("val_acc_%", "val_acc_pct"),
        ("val_acc (%)", "val_acc_pct"), ("infer_time=[s]", "infer_time_s"), ("latency ( ms )", "latency_ms"),
    ],
)  # fmt: skip
def test_units_as_spreadsheets_write_them(name: str, metric: str) -> None:
    assert f"mine.csv: {name!r} is read as {metric!r}" in read(f"arch,{name}\n{A},91\n{B},12\n").notes


@pytest.mark.parametrize(
    ("given", "more"),
    [
        ((-1, -999, -999), " (2 more with other such values)"),
        ((-1, -999, -1), " (2 such rows; 1 more with other such values)"),
        ((-1, 5, -1), " (2 such rows)"),
        ((-1, 5, 6), ""),
    ],
)
def test_rows_with_another_value_are_counted_separately(given: tuple[int, ...], more: str) -> None:
    rows = "".join(f"{arch},{value}\n" for arch, value in zip((A, B, C), given, strict=True))
    with pytest.raises(InputError) as caught:
        read(f"arch,latency_ms\n{rows}")
    assert str(caught.value).startswith("mine.csv, line 2: latency_ms is -1; expected a positive number")
    assert str(caught.value).endswith(f"(in Python: missing_value=-1){more}")


def test_a_list_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elements are read one after the other, wherever the pieces of the file end."""
    rows = [{"arch": arch, "a_ms": 1.25 * at} for at, arch in enumerate((A, B, C), start=1)]
    for size in range(1, 60):
        monkeypatch.setattr("nassurrogate.tables.formats.records._CHUNK", size)
        assert values(read(f"\n{json.dumps(rows, indent=2)}\n")) == {"a_ms": [1.25, 2.5, 3.75]}
        for content, message in (
            ('[{"a":1} 5]', "row 1: expected a comma or ] after it, got '5'"),
            ('[{"a":1},', "row 2: Expecting value"),
            ('[{"a":1}', "row 1: expected a comma or ] after it; the list never ends"),
            ('[{"a":1}] x', "more follows the end of the list"),
            ('[{"a":1},12]', "row 2 is 12; expected an object"),
            ('[{"a":1,"a":2}]', "two values named 'a'"),
            ("[]", "has no rows"),
        ):
            with pytest.raises(InputError) as caught:
                read(content)
            assert message in str(caught.value)
