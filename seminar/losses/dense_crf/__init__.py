"""The dense-CRF loss of Tang et al. 2018, without compiled code: :func:`dense_crf`.

===================  =================================================================
``loss.py``          the loss and its two conventions (``at_scale.py``: of larger crops)
``energy.py``        the energy, its gradient and the choice of method
``nystrom.py``       the default filter, through landmarks (``landmarks.py``)
``blocks.py``        the same on the CPU, leaving out what is far away (``order.py``)
``exact.py``         every pair of pixels; on CUDA fused (``triton_exact.py``)
``lattice.py``       the reference's approximation, bias included
``plans.py``         what can be made ahead, from the image alone
``features.py``      the feature space and its Gaussian
===================  =================================================================
"""

from seminar.losses.dense_crf.checks import LandmarkWarning
from seminar.losses.dense_crf.lattice import LatticePlan, join_lattices
from seminar.losses.dense_crf.loss import dense_crf, prepare_dense_crf
from seminar.losses.dense_crf.plans import CrfPlan, NystromPlan

__all__ = [
    "CrfPlan",
    "LandmarkWarning",
    "LatticePlan",
    "NystromPlan",
    "dense_crf",
    "join_lattices",
    "prepare_dense_crf",
]
