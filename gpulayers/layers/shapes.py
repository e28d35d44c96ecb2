"""What layers with sliding windows ask of `ops.spatial`."""

from .. import config
from ..ops.spatial import SlidingWindow, checked_data_format, join_shape

_STAND_IN = 2**30  # for unknown sizes; larger than any window


def layer_data_format(data_format):
    """The data format, or a ValueError; None stands for `gpulayers.image_data_format()`."""
    if data_format is None:
        return config.image_data_format()
    return checked_data_format(data_format.lower() if isinstance(data_format, str) else data_format)


def checked_padding(padding, rank, causal=False):
    """The padding itself, lower-cased if a name, or a ValueError where no input could fit it."""
    padding = padding.lower() if isinstance(padding, str) else padding
    SlidingWindow.resolve((_STAND_IN,) * rank, 1, padding=padding, causal_allowed=causal)
    return padding


def with_stand_ins(spatial):
    """Spatial sizes with a large one in place of those that are unknown."""
    return tuple(_STAND_IN if size is None else size for size in spatial)


def split(layer, shape):
    """(batch, spatial sizes, channels) of a layer's input shape, None for unknown sizes.

    Raises:
        ValueError: another rank than the layer's.
    """
    if len(shape) != layer.rank + 2:
        wanted = (
            "(batch, channels, *spatial)"
            if layer.data_format == "channels_first"
            else "(batch, *spatial, channels)"
        )
        raise ValueError(
            f"{layer.name} takes inputs {wanted} with {layer.rank} spatial sizes. "
            f"Received: shape {tuple(shape)}"
        )
    if layer.data_format == "channels_first":
        return shape[0], tuple(shape[2:]), shape[1]
    return shape[0], tuple(shape[1:-1]), shape[-1]


def channel_count(layer, shape):
    """The input's channels, or a ValueError if they are unknown."""
    _, _, channels = split(layer, shape)
    if channels is None:
        raise ValueError(f"{layer.name} needs a known number of channels. Received: shape {tuple(shape)}")
    return channels


def window_output_shape(layer, shape, size, channels=None, dilation=1, padding=None):
    """The shape that the layer's window leaves of an input's; `channels` default to the input's, `padding` to
    the layer's."""
    batch, spatial, input_channels = split(layer, shape)
    padding = layer.padding if padding is None else padding
    window = SlidingWindow.resolve(
        with_stand_ins(spatial), size, layer.strides, padding, dilation, causal_allowed=True
    )
    sizes = tuple(None if length is None else out for length, out in zip(spatial, window.output_size))
    return join_shape(batch, sizes, input_channels if channels is None else channels, layer.data_format)
