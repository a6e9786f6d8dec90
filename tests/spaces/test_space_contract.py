"""The built-in spaces, and declared ones of every kind, pass the suite that third parties run."""

from __future__ import annotations

from nassurrogate import get_space
from nassurrogate.testing import SpaceContract
from tests.spaces import declared


class TestNb201(SpaceContract):
    space = get_space("nb201")


class TestNb101(SpaceContract):
    space = get_space("nb101")


class TestMacro(SpaceContract):
    space = get_space("macro")


class TestPlain(SpaceContract):
    space = declared.PLAIN


class TestHuge(SpaceContract):
    space = declared.HUGE


class TestConditional(SpaceContract):
    space = declared.CONDITIONAL


class TestCanonical(SpaceContract):
    space = declared.CANONICAL


class TestBuilt(SpaceContract):
    space = declared.BUILT


class TestListedBuilt(SpaceContract):
    space = declared.LISTED_BUILT


class TestBuiltWithoutShape(SpaceContract):
    space = declared.BUILT_WITHOUT_SHAPE


class TestUntraced(SpaceContract):
    space = declared.UNTRACED


class TestFaulty(SpaceContract):
    space = declared.FAULTY
    test_the_network_is_built = None  # of the first architecture, it is not


class TestSingle(SpaceContract):
    space = declared.SINGLE


class TestMixed(SpaceContract):
    space = declared.MIXED


class TestListed(SpaceContract):
    space = declared.LISTED


class TestLocal(SpaceContract):
    space = declared.LOCAL
