"""What the comparisons with PyTorch and Keras share."""

import pytest


@pytest.fixture(autouse=True)
def without_onednn():
    """PyTorch's own convolutions: in 2.13 those of oneDNN write outside their memory for some depthwise ones,
    and the process ends with a crash or wrong numbers."""
    torch = pytest.importorskip("torch", reason="the extra `parity` (torch) is not installed")
    before, torch.backends.mkldnn.enabled = torch.backends.mkldnn.enabled, False
    yield
    torch.backends.mkldnn.enabled = before
