"""What other packages bring by entry points, of any kind: what loads, what does not, and what is said of it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType

import pytest

from nassurrogate.errors import InputError
from nassurrogate.runtime.plug_ins import ClassRegistry, find_plug_in, load_plug_in, place_of, plug_ins

GROUP = "tests.animals"
PLUGIN = """
from abc import ABC, abstractmethod

class Animal(ABC):
    @abstractmethod
    def sound(self): ...

class Cat(Animal):
    name, description = "cat", "meows"
    def sound(self): return "meow"

class Dog(Animal):
    name, description = "dog", "barks"
    def sound(self): return "woof"

class Mute(Animal):
    name = "mute"

class Stone: pass

a_dog = Dog()
nothing = None

def make_cat(): return Cat()
def make_nothing(): return None
def raises(): raise RuntimeError("first line\\nsecond line")
def exits(name): return name
"""
ENTRY_POINTS = f"""[{GROUP}]
dog = animals_plugin:Dog
cat = animals_plugin:Dog
mute = animals_plugin:Mute
stone = animals_plugin:Stone
instance = animals_plugin:a_dog
nothing = animals_plugin:nothing
absent = no_such_module_here:Dog
lacking = animals_plugin:Wolf
broken = broken_animals_plugin:Dog
make-cat = animals_plugin:make_cat
make-nothing = animals_plugin:make_nothing
raises = animals_plugin:raises
exits = animals_plugin:exits
"""


@pytest.fixture
def animals(install: Callable[..., None]) -> ModuleType:
    """The module of an installed distribution with good and bad entry points."""
    install("animals-plugin", ENTRY_POINTS, animals_plugin=PLUGIN, broken_animals_plugin="1 +\n")
    return importlib.import_module("animals_plugin")


@pytest.fixture
def registry(animals: ModuleType) -> ClassRegistry:
    return ClassRegistry("animal", animals.Animal, GROUP, {"cat": "animals_plugin:Cat"}, ("name", "description"))


def refused(ask, *given, **options) -> str:
    """The one line that is said."""
    with pytest.raises(InputError) as caught:
        ask(*given, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_entry_points_are_sorted_and_found_by_name(animals: ModuleType) -> None:
    names = [point.name for point in plug_ins(GROUP)]
    assert names == sorted(names)
    assert len(names) == 13
    assert find_plug_in(GROUP, "dog").load() is animals.Dog
    assert find_plug_in(GROUP, "wolf") is None
    assert find_plug_in("tests.no-such-group", "dog") is None
    assert plug_ins("tests.no-such-group") == []


def test_a_class_is_found_by_name_and_built_in_ones_come_first(registry: ClassRegistry, animals: ModuleType) -> None:
    assert registry.names()[0] == "cat"
    assert registry.names().count("cat") == 1
    assert registry.find("cat") is animals.Cat, "a plug-in replaces nothing that is built in"
    assert registry.find("dog") is animals.Dog


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent", ("animal 'absent'", "no_such_module_here:Dog", "does not load", "ModuleNotFoundError")),
        ("lacking", ("animal 'lacking'", "animals_plugin:Wolf", "does not load", "AttributeError")),
        ("broken", ("animal 'broken'", "broken_animals_plugin:Dog", "does not load", "SyntaxError")),
        ("stone", ("animal 'stone'", "animals_plugin:Stone", "subclass of Animal")),
        ("instance", ("animal 'instance'", "subclass of Animal")),
        ("nothing", ("animal 'nothing'", "subclass of Animal")),
        ("make-cat", ("animal 'make-cat'", "subclass of Animal")),
        ("mute", ("animal 'mute'", "does not define description, sound")),
        ("dgo", ("unknown animal 'dgo'", "did you mean 'dog'")),
        (5, ("animal must be a name", "5")),
        (None, ("animal must be a name",)),
    ],
)
def test_names_that_lead_nowhere(registry: ClassRegistry, name: object, message: tuple[str, ...]) -> None:
    line = refused(registry.find, name)
    assert all(part in line for part in message), line


def test_a_class_is_given_where_a_name_is_taken(registry: ClassRegistry, animals: ModuleType) -> None:
    class Cow(animals.Animal):  # type: ignore[name-defined,misc]
        name, description = "cow", "moos"

        def sound(self):
            return "moo"

    class Cat(Cow):
        name = "cat"

    class Other(Cow):
        name = "dog"

    assert registry.given(Cow, "cat") is Cow
    for registered in (animals.Cat, animals.Dog):
        assert registry.given(registered, "cat") is registered
    for impostor, name in ((Cat, "cat"), (Other, "dog")):
        line = refused(registry.given, impostor, "cat")
        assert impostor.__qualname__ in line
        assert f"{name!r}" in line
    for name in ("a:b", "", None, 5):
        assert "name" in refused(registry.given, type("Named", (Cow,), {"name": name}), "cat")
    assert "subclass of Animal" in refused(registry.given, animals.Stone, "cat")
    assert "description, sound" in refused(registry.given, animals.Mute, "cat")
    for wrong in (animals.a_dog, 5, None, animals.make_cat):
        assert "animal must be a name such as 'cat' or a subclass of Animal" in refused(registry.given, wrong, "cat")


def test_a_class_of_a_name_whose_plug_in_does_not_load_is_refused_in_a_word(
    registry: ClassRegistry, animals: ModuleType
) -> None:
    """Its models would be loaded as those of the other one, once that loads."""
    taken = type("Taken", (animals.Dog,), {"name": "absent"})
    assert "absent" in refused(registry.given, taken, "cat")


def test_what_an_entry_point_leads_to_is_called_where_something_is_to_be_made(animals: ModuleType) -> None:
    def load(name: str, **options):
        point = find_plug_in(GROUP, name)
        assert point is not None
        return load_plug_in("animal", point, **options)

    assert load("instance", made=animals.Animal) is animals.a_dog
    assert isinstance(load("make-cat", made=animals.Animal), animals.Cat)
    assert isinstance(load("dog", made=animals.Animal), animals.Dog)
    assert load("make-nothing", made=animals.Animal) is None, "whoever asks says what is wrong with it"
    assert load("make-cat") is animals.make_cat
    assert load("instance") is animals.a_dog
    for name, error in (("raises", "RuntimeError: first line second line"), ("exits", "TypeError"), ("mute", "Type")):
        line = refused(load, name, made=animals.Animal)
        assert line.startswith(place_of("animal", find_plug_in(GROUP, name)))
        assert error in line
