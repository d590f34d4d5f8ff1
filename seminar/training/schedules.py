"""Schedules of a stage, as pure functions of the iteration."""

from __future__ import annotations


def poly_lr(base_lr: float, iteration: int, iterations: int, power: float) -> float:
    """Learning rate: base_lr * (1 - iteration / iterations) ** power, with iterations from 0.

    The polynomial schedule of DeepLab (Liu et al. 2015, the paper's [26]).
    """
    return float(base_lr * (1 - iteration / iterations) ** power)


def warmup(iteration: int, iterations: int, share: float) -> float:
    """Factor of the learning rate that grows to 1 over the first `share` of the stage, from 0.

    Already the first step learns; share 0 is 1 from the start.
    """
    return min(1.0, (iteration + 1) / max(1.0, share * iterations))


def linear_ramp(iteration: int, iterations: int, share: float, *, epoch: int = 1) -> float:
    """Weight factor that grows from 0 to 1 over the first `share` of the stage, then stays.

    Parameters
    ----------
    iteration, iterations : int
        Steps done, and steps of the stage.
    share : float
        0..1; 0 is 1 from the start.
    epoch : int
        Iterations between two changes: the paper updates lambda_pCons once an epoch (section 4.1).
    """
    if share == 0:
        return 1.0
    steady = iteration - iteration % epoch
    return min(1.0, steady / (share * iterations))


def backbone_share(num_classes: int, *, by_classes: bool, pretrained: bool) -> float:
    """Factor of a backbone's learning rate: 2 / K if pretrained, for K > 2 classes; else 1."""
    return min(1.0, 2 / num_classes) if by_classes and pretrained else 1.0
