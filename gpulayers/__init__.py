"""Neural-network layers for CuPy arrays, with NumPy where there is no GPU.

Names and semantics are Keras's; the kernels under cuda/ are this project's own.
"""

from .config import (
    float32_precision,
    floatx,
    image_data_format,
    set_device,
    set_float32_precision,
    set_floatx,
    set_image_data_format,
)

__version__ = "0.1.0"
