"""Draws a network: its graph of operators as SVG."""

from __future__ import annotations

from nassurrogate.graphs.drawing.svg import draw_svg

__all__ = ["draw_svg"]
