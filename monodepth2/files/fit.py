"""How a picture comes to the size of a network's input: squeezed as a whole, or cut to the input's shape."""

from dataclasses import dataclass

Size = tuple[int, int]  # (width, height) in pixels
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels, counted from the picture's corner
KINDS = ("stretch", "crop")
CENTRED = 0.5
MOST_PIXELS = 640 * 360  # of a network's input, where nobody names its size


def usual_input_size(picture: Size) -> Size:
    """Return a network's input in a picture's shape, multiples of 32; large pictures are made smaller."""
    width, height = picture
    across = min(1.0, (MOST_PIXELS / (width * height)) ** 0.5)
    return max(64, round(across * width / 32) * 32), max(64, round(across * height / 32) * 32)


@dataclass(frozen=True)
class Window:
    """A part of what a network would see of a picture, in shares of its width and height from its top left corner."""

    left: float
    top: float
    right: float
    bottom: float

    def mirrored(self) -> "Window":
        """The same part of the mirrored picture."""
        return Window(1 - self.right, self.top, 1 - self.left, self.bottom)


@dataclass(frozen=True)
class Fit:
    """What `--fit` and `--crop_top` ask for.

    Attributes:
        kind: "stretch" squeezes the whole picture, as in 2019; "crop" keeps its aspect and cuts what is too much.
        crop_top: share of the rows to cut that is cut at the top, 0 to 1; columns are cut alike on both sides.
        window: the part of that which one sample shows; None for all of it.
    """

    kind: str = "stretch"
    crop_top: float = CENTRED
    window: Window | None = None

    def box(self, size: Size, input_size: Size) -> Box | None:
        """Return the part of a picture that the network sees; None for the whole picture."""
        seen = self._seen(size, input_size)
        if self.window is None:
            return seen
        left, top, right, bottom = seen or (0, 0, *size)
        across, down, window = right - left, bottom - top, self.window
        return (
            left + window.left * across,
            top + window.top * down,
            min(left + window.right * across, size[0]),
            min(top + window.bottom * down, size[1]),
        )

    def box_of_map(self, shape: tuple[int, ...], input_size: Size, picture: Size) -> Box | None:
        """Return the same part of a map of a picture, in the map's pixels; None for the whole map.

        Args:
            shape: (h, w) of the map, which shows the whole picture, at any size and of any aspect.
            input_size: (width, height) of the network's input.
            picture: (width, height) of the picture.
        """
        box, (height, width) = self.box(picture, input_size), shape
        if box is None:
            return None
        across, down = width / picture[0], height / picture[1]
        return box[0] * across, box[1] * down, min(box[2] * across, width), min(box[3] * down, height)

    def _seen(self, size: Size, input_size: Size) -> Box | None:
        (width, height), (input_width, input_height) = size, input_size
        if self.kind == "stretch" or width * input_height == height * input_width:
            return None
        kept_width = min(width, height * input_width / input_height)
        kept_height = min(height, width * input_height / input_width)
        left, top = (width - kept_width) / 2, (height - kept_height) * self.crop_top
        return left, top, min(left + kept_width, width), min(top + kept_height, height)

    def __str__(self) -> str:
        return self.kind if self.kind == "stretch" else f"{self.kind}{self.crop_top:g}"


STRETCH = Fit()
