"""Figures of the pages: plain data that a macro writes as a picture, a table and a block for the scripts.

``templates/figures.html.j2`` writes one: ``chart(figure)`` and ``map(figure)``. Without scripts a page shows
the picture of :mod:`review.figures.drawing`, and in any case the same numbers as a table.
"""

from review.figures.dots import Dot, DotPlot
from review.figures.maps import Arrow, MapFigure, Outline, Path, Point
from review.figures.plots import XY, BarChart, Bars, XYChart
from review.figures.roles import ROLES
from review.figures.time_chart import Band, Limit, Line, TimeChart

__all__ = [
    "ROLES",
    "XY",
    "Arrow",
    "Band",
    "BarChart",
    "Bars",
    "Dot",
    "DotPlot",
    "Limit",
    "Line",
    "MapFigure",
    "Outline",
    "Path",
    "Point",
    "TimeChart",
    "XYChart",
]
