"""The project folder: images, clicks, truth, splits and classes, in the manner of PASCAL VOC."""

from seminar.voc.creation import create_project as create_project
from seminar.voc.image_inspection import label_map_faults as label_map_faults
from seminar.voc.inspection import Findings as Findings
from seminar.voc.inspection import check as check
from seminar.voc.inspection import inspect_project as inspect_project
from seminar.voc.inspection import validate as validate
from seminar.voc.label_png import read_label_png as read_label_png
from seminar.voc.label_png import write_label_png as write_label_png
from seminar.voc.project import Project as Project
from seminar.voc.project import clicks_faults as clicks_faults
from seminar.voc.training_set import training_ids as training_ids
