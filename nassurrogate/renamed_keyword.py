"""Keyword arguments of version 0.1, which still work in version 0.2, with a `DeprecationWarning`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from nassurrogate.renamed import warn_of_old_name

_Function = TypeVar("_Function", bound=Callable[..., Any])


def renamed_keyword(old: str, new: str) -> Callable[[_Function], _Function]:
    """A decorator for a function whose keyword argument `old` is now called `new`: callers may use either.

    A function that still has the old argument, as an override in another package may, gets the value by that name.

    >>> @renamed_keyword("reduced", "canonical")
    ... def graph(*, canonical=True):
    ...     return canonical
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     graph(reduced=False), graph(canonical=False)
    (False, False)
    >>> print(caught[0].message)
    the argument reduced of graph is now canonical; the old name will be removed in version 0.3
    """

    def decorate(function: _Function) -> _Function:
        label = _label(function)
        its_name = old if _its_name(function, old, new) == old else new

        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            if old in options:
                if new in options:
                    raise TypeError(f"{label}() got values for {new!r} and for {old!r}, its old name")
                warn_of_old_name(f"the argument {old} of {label} is now {new}")
                options[its_name] = options.pop(old)
            elif its_name == old and new in options:
                options[old] = options.pop(new)
            return function(*args, **options)

        for attribute in dir(function):  # such as `cache_clear` of `functools.lru_cache`
            if not hasattr(call, attribute):
                setattr(call, attribute, getattr(function, attribute))
        return cast(_Function, call)

    return decorate


def rename_keyword_of_method(cls: type, base: type, method: str, old: str, new: str) -> None:
    """Let callers of a method use either name of a keyword argument, whichever of the two the method has.

    Called by `__init_subclass__` of `base`, for every subclass. The method may be inherited from a mixin that does not
    derive from `base`, and may be a static or a class method. One that has the old name warns at the definition of its
    class; one that has both, or neither, is left alone.
    """
    owner = next(each for each in cls.__mro__ if method in vars(each))
    if owner is not cls and issubclass(owner, base):
        return  # done when `owner` was defined
    found = vars(owner)[method]
    function = found.__func__ if isinstance(found, staticmethod | classmethod) else found
    its_name = _its_name(function, old, new)
    if its_name is None:
        return
    if its_name == old:
        message = f"the argument {old} of {cls.__qualname__}.{method} is now {new}"
        warn_of_old_name(message, stacklevel=_frames_up_to(cls))
    both = renamed_keyword(old, new)(function)
    if isinstance(found, staticmethod | classmethod):
        both = type(found)(both)
    elif not hasattr(found, "__get__"):  # a callable object, which is not given the instance
        both = staticmethod(both)
    setattr(cls, method, both)


def _its_name(function: object, old: str, new: str) -> str | None:
    """Which of two names an argument has; None if the function has both or neither, or cannot be inspected."""
    try:
        parameters = inspect.signature(cast("Callable[..., Any]", function)).parameters
    except (TypeError, ValueError):
        return None
    names = [name for name in (old, new) if name in parameters]
    return names[0] if len(names) == 1 else None


def _label(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__qualname__", None) or type(function).__qualname__)


def _frames_up_to(cls: type) -> int:
    """The `stacklevel` for `warn_of_old_name` in its caller's caller that points at the class statement of `cls`.

    Between the two are the metaclass and any `__init_subclass__` of other classes.
    """
    frame, level = inspect.currentframe(), 0
    while frame is not None:
        name = frame.f_code.co_name
        if frame.f_globals.get("__name__") == cls.__module__ and name not in ("__init_subclass__", "__new__"):
            return level + 1
        frame, level = frame.f_back, level + 1
    return 3
