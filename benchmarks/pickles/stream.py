"""Read a pickle of any size as a stream, in bounded memory, building plain data only.

The standard unpickler keeps every object it has seen until the end, because a later opcode may refer back to it: the
official NAS-Bench-201 file then needs tens of GB. Here the caller shrinks dictionaries as soon as they are complete,
and objects that nothing refers to any more are forgotten: see `StreamUnpickler`.
"""

from __future__ import annotations

import pickletools
import re
import struct
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final, NoReturn

from nassurrogate.benchmarks.pickles.globals import HARMLESS, SKIPPED, Harmless, NumberType, Skipped
from nassurrogate.benchmarks.pickles.memo import ForgetfulMemo
from nassurrogate.errors import InputError

CHUNK: Final = 1 << 20
GENERATION: Final = 1 << 17
"""So many remembered objects are a generation: see `ForgetfulMemo`."""
MAX_STRING: Final = 1 << 20
MAX_LIST_ITEMS: Final = 64 << 20
MAX_STACK: Final = 4 << 20
MAX_LIVE_OBJECTS: Final = 12 << 20
MAX_LONG_STRING_BYTES: Final = 256 << 20
_SCALARS = {str, int, float, bool, bytes, type(None), Skipped}
# `MARK` of a dictionary {epoch or remembered name: number}, 9 of 10 bytes of an official file: read in one go.
_KEY = rb"(?:K.|M..|h.|j....|J....)"
_RUN = re.compile(rb"(?:" + _KEY + rb"G.{8})++u", re.DOTALL)
_PAIR = re.compile(rb"(" + _KEY + rb")G(.{8})", re.DOTALL)
READ: Final = (
    "PROTO", "FRAME", "MARK", "STOP", "POP", "POP_MARK", "BINPUT", "LONG_BINPUT", "MEMOIZE", "BINGET", "LONG_BINGET",
    "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE",
    "SHORT_BINUNICODE", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "EMPTY_DICT", "EMPTY_LIST",
    "EMPTY_TUPLE", "EMPTY_SET", "SETITEM", "SETITEMS", "APPEND", "APPENDS", "ADDITEMS", "TUPLE", "TUPLE1", "TUPLE2",
    "TUPLE3", "FROZENSET", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD",
)  # fmt: skip
"""Opcodes that are read, by the names of `pickletools`; all others are refused."""


class RefersBackError(Exception):
    """The pickle refers to objects that were forgotten; read it once more with `keep=ids`."""

    def __init__(self, ids: frozenset[int]) -> None:
        super().__init__(f"{len(ids)} forgotten objects")
        self.ids = ids


class StreamUnpickler:
    """Reads pickles of protocol 2 to 5 one after the other from a stream; nothing that the stream names is ever run.

    Args:
        read: `read(n)` returns up to n bytes, none at the end.
        name: what to call the stream in messages.
        on_dict: called with each dictionary when some of its items have been set; what it returns takes its place.
        keep: memo numbers never to forget (from a `RefersBackError` of an earlier reading).
        outside: whether references to external objects, the tensors of torch files, are skipped rather than refused.

    Memory holds what `on_dict` leaves, the objects of the last two generations, each distinct string once, and `keep`.

    >>> import io, pickle
    >>> data = pickle.dumps({"a": [1, 2.5, None]})
    >>> StreamUnpickler(io.BytesIO(data).read, name="example").load()
    {'a': [1, 2.5, None]}
    """

    def __init__(
        self,
        read: Callable[[int], bytes],
        *,
        name: str,
        on_dict: Callable[[dict[Any, Any]], Any] | None = None,
        keep: frozenset[int] = frozenset(),
        outside: bool = False,
        on_chunk: Callable[[int], None] | None = None,
    ) -> None:
        self._read = read
        self._name = name
        self._on_dict = on_dict
        self._keep = keep
        self._outside = outside
        self._on_chunk = on_chunk
        self._buffer = b""
        self._position = 0
        self._end = False
        self._long_string_bytes = 0
        self._list_items = 0
        self._first_blocks = sys.getallocatedblocks()

    # --- public --------------------------------------------------------------------------------------------------

    def load(self) -> Any:
        """The next pickle of the stream. Raises `InputError` for code, damage, truncation or a bomb."""
        self._memo = ForgetfulMemo(GENERATION, self._keep)
        try:
            value = self._run()
        except (struct.error, IndexError, KeyError, TypeError, ValueError, AttributeError, MemoryError) as error:
            if isinstance(error, InputError):
                raise error if self._name in str(error) else InputError(f"{self._name}: {error}") from error
            raise InputError(
                f"{self._name} is not a readable pickle ({str(error) or type(error).__name__:.80})"
            ) from error
        if self._memo.missed:
            raise RefersBackError(frozenset(self._memo.missed))
        return value

    # --- bytes ---------------------------------------------------------------------------------------------------

    def _refill(self, position: int, stack: list[Any]) -> int:
        """Drops what was read, reads a chunk more; the new position is 0."""
        self._buffer = self._buffer[position:] + self._next_chunk(CHUNK)
        if sys.getallocatedblocks() - self._first_blocks > MAX_LIVE_OBJECTS or len(stack) > MAX_STACK:
            self._refuse("holds more objects at once than a benchmark does")
        return 0

    def _next_chunk(self, size: int) -> bytes:
        try:
            chunk = self._read(size)
        except (OSError, EOFError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{self._name} cannot be read: damaged or truncated ({error})") from error
        self._end = not chunk
        if self._on_chunk is not None:
            self._on_chunk(len(chunk))
        return chunk

    def _take(self, position: int, size: int) -> tuple[bytes, int]:
        """`size` bytes from `position` on, and the position after them."""
        if size > MAX_STRING:
            self._refuse(f"holds a string of {size} bytes; at most {MAX_STRING} are expected")
        while position + size > len(self._buffer):
            if self._end:
                self._truncated()
            self._buffer = self._buffer[position:] + self._next_chunk(CHUNK)
            position = 0
        if size > 512:
            self._long_string_bytes += size
            if self._long_string_bytes > MAX_LONG_STRING_BYTES:
                self._refuse("holds more text than a benchmark does")
        return self._buffer[position : position + size], position + size

    def _line(self, position: int) -> tuple[str, int]:
        end = self._buffer.find(b"\n", position, position + 512)
        if end < 0:
            self._truncated()
        return self._buffer[position:end].decode("utf-8", "replace"), end + 1

    def _refuse(self, why: str) -> NoReturn:
        raise InputError(f"{self._name} {why}; nothing was run or kept")

    def _truncated(self) -> NoReturn:
        raise InputError(f"{self._name} ends in the middle of the data: truncated?")

    # --- values --------------------------------------------------------------------------------------------------

    def _global(self, module: str, name: str) -> Harmless:
        full = f"{module}.{name}"
        if full not in HARMLESS:
            raise InputError(f"{self._name} asks for the object {full:.120}; expected plain data only, nothing was run")
        return HARMLESS[full]

    def _set_items(self, stack: list[Any], items: Iterable[tuple[Any, Any]]) -> None:
        target = stack[-1]
        if target is SKIPPED or self._memo.missed:
            return  # a second reading follows; this one only finds out what to keep
        if type(target) is not dict:
            self._refuse("sets items of something that is not a dictionary: damaged?")
        target.update(items)
        if self._on_dict is not None:
            stack[-1] = self._on_dict(target)

    def _check_keys(self, keys: list[Any]) -> None:
        for key in keys:
            # Nested tuples can take for ever to hash.
            if type(key) is not tuple or len(key) > 8 or not set(map(type, key)) <= _SCALARS:
                self._refuse(
                    f"has a dictionary key of type {type(key).__name__}; expected text, numbers or pairs of them"
                )

    def _append(self, stack: list[Any], items: list[Any]) -> None:
        target = stack[-1]
        if target is SKIPPED or self._memo.missed:
            return
        if type(target) is not list:
            self._refuse("appends to something that is not a list: damaged?")
        self._list_items += len(items)
        if self._list_items > MAX_LIST_ITEMS:
            self._refuse("holds more list items than a benchmark does")
        target.extend(items)

    def _call(self, function: Any, arguments: Any) -> Any:
        if function is SKIPPED or self._memo.missed:
            return SKIPPED
        if not isinstance(function, Harmless) or type(arguments) is not tuple:
            self._refuse("calls something that is not a function: damaged?")
        try:
            return function.build(*arguments)
        except (TypeError, ValueError, struct.error) as error:
            raise InputError(
                f"{self._name} uses {function.name} in an unexpected way ({error}); nothing was run"
            ) from error

    def _build(self, target: Any, state: Any) -> None:
        if isinstance(target, NumberType):
            if type(state) is tuple and len(state) > 1 and state[1] in ("<", ">", "|", "="):
                target.order = state[1]
        elif target is not SKIPPED and type(target) is not dict:
            self._refuse(f"sets the state of a {type(target).__name__}; expected plain data only")

    # --- the machine ---------------------------------------------------------------------------------------------

    def _bulk(self, run: bytes) -> Iterable[tuple[Any, float]]:
        pairs = _PAIR.findall(run)
        numbers = struct.unpack(f">{len(pairs)}d", b"".join([number for _, number in pairs]))
        get = self._memo.get
        keys = [
            get(int.from_bytes(key[1:], "little"))
            if key[0] in b"hj"
            else int.from_bytes(key[1:], "little", signed=key[0] == 74)
            for key, _ in pairs
        ]
        if not set(map(type, keys)) <= _SCALARS:
            self._check_keys([key for key in keys if type(key) not in _SCALARS])
        return zip(keys, numbers, strict=True)

    def _run(self) -> Any:
        stack: list[Any] = []
        marks: list[int] = []
        push = stack.append
        memo = self._memo
        position = self._position
        while True:
            buffer = self._buffer
            if position + 4096 > len(buffer):
                if not self._end:
                    position = self._refill(position, stack)
                    continue
                if position >= len(buffer):
                    self._truncated()
            code = buffer[position]
            position += 1
            if code == 0x47:  # G BINFLOAT
                push(struct.unpack_from(">d", buffer, position)[0])
                position += 8
            elif code == 0x68:  # h BINGET
                push(memo.get(buffer[position]))
                position += 1
            elif code == 0x6A:  # j LONG_BINGET
                push(memo.get(struct.unpack_from("<I", buffer, position)[0]))
                position += 4
            elif code == 0x4B:  # K BININT1
                push(buffer[position])
                position += 1
            elif code == 0x71:  # q BINPUT
                memo.put(buffer[position], stack[-1])
                position += 1
            elif code == 0x72:  # r LONG_BINPUT
                memo.put(struct.unpack_from("<I", buffer, position)[0], stack[-1])
                position += 4
            elif code == 0x94:  # MEMOIZE
                memo.put(memo.next_number, stack[-1])
            elif code == 0x58:  # X BINUNICODE
                data, position = self._take(position + 4, struct.unpack_from("<I", buffer, position)[0])
                push(data.decode("utf-8", "surrogatepass"))
            elif code == 0x8C:  # SHORT_BINUNICODE
                data, position = self._take(position + 1, buffer[position])
                push(data.decode("utf-8", "surrogatepass"))
            elif code == 0x28:  # ( MARK
                # A run longer than the rest of the buffer does not match, and is read piece by piece.
                run = _RUN.match(buffer, position)
                if run is not None and stack and type(stack[-1]) is dict:
                    self._set_items(stack, self._bulk(run.group()))
                    position = run.end()
                else:
                    marks.append(len(stack))
            elif code == 0x75:  # u SETITEMS
                mark = marks.pop()
                keys, values = stack[mark::2], stack[mark + 1 :: 2]
                del stack[mark:]
                if not set(map(type, keys)) <= _SCALARS:
                    self._check_keys([key for key in keys if type(key) not in _SCALARS])
                self._set_items(stack, zip(keys, values, strict=True))
            elif code == 0x73:  # s SETITEM
                value, key = stack.pop(), stack.pop()
                if type(key) not in _SCALARS:
                    self._check_keys([key])
                self._set_items(stack, [(key, value)])
            elif code == 0x65 or code == 0x90:  # e APPENDS, ADDITEMS
                mark = marks.pop()
                items = stack[mark:]
                del stack[mark:]
                self._append(stack, items)
            elif code == 0x61:  # a APPEND
                item = stack.pop()
                self._append(stack, [item])
            elif code == 0x7D:  # } EMPTY_DICT
                push({})
            elif code == 0x5D or code == 0x8F:  # ] EMPTY_LIST, EMPTY_SET: a set is read as a list
                push([])
            elif code == 0x29:  # ) EMPTY_TUPLE
                push(())
            elif 0x85 <= code <= 0x87:  # TUPLE1, TUPLE2, TUPLE3
                size = code - 0x84
                if len(stack) < size:
                    self._refuse("is damaged")
                stack[-size:] = [tuple(stack[-size:])]
            elif code == 0x74:  # t TUPLE
                mark = marks.pop()
                stack[mark:] = [tuple(stack[mark:])]
            elif code == 0x91:  # FROZENSET, as a list
                mark = marks.pop()
                stack[mark:] = [stack[mark:]]
            elif code == 0x4E:  # N
                push(None)
            elif code == 0x88 or code == 0x89:
                push(code == 0x88)
            elif code == 0x4D:  # M BININT2
                push(struct.unpack_from("<H", buffer, position)[0])
                position += 2
            elif code == 0x4A:  # J BININT
                push(struct.unpack_from("<i", buffer, position)[0])
                position += 4
            elif code == 0x8A:  # LONG1
                data, position = self._take(position + 1, buffer[position])
                push(int.from_bytes(data, "little", signed=True))
            elif code == 0x55 or code == 0x43:  # U SHORT_BINSTRING, C SHORT_BINBYTES
                data, position = self._take(position + 1, buffer[position])
                push(data if code == 0x43 else data.decode("latin1"))
            elif code == 0x54 or code == 0x42:  # T BINSTRING, B BINBYTES
                data, position = self._take(position + 4, struct.unpack_from("<I", buffer, position)[0])
                push(data if code == 0x42 else data.decode("latin1"))
            elif code == 0x63:  # c GLOBAL
                module, position = self._line(position)
                name, position = self._line(position)
                push(self._global(module, name))
            elif code == 0x93:  # STACK_GLOBAL
                name, module = stack.pop(), stack.pop()
                push(self._global(str(module), str(name)))
            elif code == 0x52:  # R REDUCE
                arguments = stack.pop()
                stack[-1] = self._call(stack[-1], arguments)
            elif code == 0x62:  # b BUILD
                state = stack.pop()
                self._build(stack[-1], state)
            elif code == 0x51 and self._outside:  # Q BINPERSID
                stack[-1] = SKIPPED
            elif code == 0x80:  # PROTO
                if buffer[position] > 5:
                    self._refuse(f"is a pickle of protocol {buffer[position]}; known: up to 5")
                position += 1
            elif code == 0x95:  # FRAME: a hint on reading ahead
                position += 8
            elif code == 0x30:  # 0 POP
                stack.pop()
            elif code == 0x31:  # 1 POP_MARK
                del stack[marks.pop() :]
            elif code == 0x2E:  # . STOP
                self._position = position
                if len(stack) != 1 or marks:
                    self._refuse("is a damaged pickle")
                return stack[0]
            elif code in (0x51, 0x50):
                self._refuse("refers to an external object; expected plain data only")
            elif code == 0x69:  # i INST: named, so refused by name
                module, position = self._line(position)
                name, position = self._line(position)
                self._global(module, name)
                self._refuse("makes an object; expected plain data only")
            else:
                known = pickletools.code2op.get(chr(code))  # type: ignore[attr-defined]  # in no stub
                name = f"{code:#04x}" if known is None else known.name
                self._refuse(f"uses the pickle opcode {name}; expected plain data only, or it is damaged")
