"""The mark of a class."""

from __future__ import annotations

from qtpy.QtCore import QRect, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap


def swatch(colour: QColor, *, is_background: bool = False, size: int = 28) -> QIcon:
    """The mark of a class as on the image: a disc; grey with a ring for the background."""
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    edge = round(size * 0.12)
    outer = QRect(edge, edge, size - 2 * edge, size - 2 * edge)
    # a dark rim keeps the light ring visible on a light window
    painter.setPen(QPen(QColor(90, 90, 90), size * 0.05))
    painter.setBrush(QColor(235, 235, 235) if is_background else colour)
    painter.drawEllipse(outer)
    if is_background:
        inset = round(size * 0.17)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(107, 107, 107))
        painter.drawEllipse(outer.adjusted(inset, inset, -inset, -inset))
    painter.end()
    return QIcon(pixmap)
