"""Images of n channels for networks that were trained on RGB."""

from __future__ import annotations

import torch
from torch import Tensor


def rgb_shares(channels: int) -> Tensor:
    """(3, channels) shares of the channels in red, green and blue; each row adds up to 1.

    So n equal channels mean what the grey RGB image means. Channel k goes to colour k mod 3; a
    colour without a channel is the mean of all. Two channels as red, green and their mean against
    their mean alone, mean IoU of a linear probe: red and blue of ccp .434 against .421, of
    histology .674 against .640, of camvid .428 against .426; red and green .428 against .421, .717
    against .725, .440 against .429.
    """
    shares = (torch.arange(channels) % 3 == torch.arange(3)[:, None]).float()
    shares[shares.sum(dim=1) == 0] = 1
    return shares / shares.sum(dim=1, keepdim=True)
