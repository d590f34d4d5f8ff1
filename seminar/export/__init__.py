"""Models in files that other programs open; each is opened again by the other side and compared before it counts as written."""

from seminar.export.comparison import Comparison as Comparison
from seminar.export.formats import FORMATS as FORMATS
from seminar.export.formats import Format as Format
from seminar.export.formats import export as export
