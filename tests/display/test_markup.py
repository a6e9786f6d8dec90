"""Markup that keeps every text a text."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from nassurrogate.display.markup import Markup, element, joined
from nassurrogate.errors import printable


class Reader(HTMLParser):
    """What a browser makes of a document: its elements with their attributes, and its text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


@given(st.text(), st.text())
def test_a_text_stays_a_text_and_an_attribute_an_attribute(text, value):
    reader = Reader()
    reader.feed(element("p", text, title=value))
    assert reader.elements == [("p", {"title": printable(value, keep="\n")})]
    assert reader.text == printable(text, keep="\n")


@given(st.lists(st.text(), max_size=4))
def test_the_same_is_xml(texts):
    whole = element("g", *(element("text", text, class_="a b") for text in texts))
    found = [node.text or "" for node in ET.fromstring(whole).iter("text")]
    assert found == [printable(text, keep="\n") for text in texts]


def test_only_markup_is_taken_as_it_is():
    assert element("b", Markup("<i></i>"), "<i></i>", None) == "<b><i></i>&lt;i&gt;&lt;/i&gt;</b>"
    assert joined("a", element("br")) == "a<br>"


def test_attributes_are_written_as_html_writes_them():
    assert element("rect", x=1.0, y=2.345, class_="a", stroke_width=0.5, id=None) == (
        '<rect x="1" y="2.35" class="a" stroke-width="0.5"></rect>'
    )
