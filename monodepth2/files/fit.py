"""How a picture comes to the size of a network's input: squeezed as a whole, or cut to the input's shape."""

from dataclasses import dataclass

Size = tuple[int, int]  # (width, height) in pixels
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels, counted from the picture's corner
KINDS = ("stretch", "crop")
CENTRED = 0.5


@dataclass(frozen=True)
class Fit:
    """What `--fit` and `--crop_top` ask for.

    Attributes:
        kind: "stretch" squeezes the whole picture, as in 2019; "crop" keeps its aspect and cuts what is too much.
        crop_top: share of the rows to cut that is cut at the top, 0 to 1; columns are cut alike on both sides.
    """

    kind: str = "stretch"
    crop_top: float = CENTRED

    def box(self, size: Size, input_size: Size) -> Box | None:
        """Return the part of a picture that the network sees; None for the whole picture."""
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
