"""Unreadable files met in the middle of a run."""

from collections.abc import Callable, Sequence
from typing import Any

from monodepth2.errors import UserError

TOLERATED_SHARE = 0.01  # unreadable pictures per sample of the split


class Faults:
    """Names each unreadable file once; too many unreadable pictures end the run.

    Each of several processes counts what it has met itself, of the whole split: a picture is read for the samples of
    its neighbours, too, and in an order of its own in each epoch, so that after a few epochs each process has met all.

    Args:
        samples: of the training split.
        report: writes a line for the user.
    """

    def __init__(self, samples: int, report: Callable[[str], None]) -> None:
        self.limit = max(1, TOLERATED_SHARE * samples)
        self.report = report
        self.pictures: list[str] = []
        self.depths: set[str] = set()

    def note_pictures(self, faults: Sequence[str]) -> None:
        """Report a batch's unreadable pictures that are new.

        Raises:
            UserError: more than one, and more than 1 % of the number of samples, are unreadable.
        """
        for fault in faults:
            if fault not in self.pictures:
                self.pictures.append(fault)
                self.report(f"unreadable picture no. {len(self.pictures)}, another sample takes its place: {fault}")
        if len(self.pictures) > self.limit:
            count, listing = len(self.pictures), "\n  ".join(self.pictures)
            raise UserError(
                f"{count} unreadable pictures: mend them and start again, with --resume if a checkpoint was "
                f"saved; or leave them out of the lists and begin another run:\n  {listing}"
            )

    def note_depth(self, fault: str) -> None:
        """Report an unreadable scan or depth map that is new; it only costs a logged figure."""
        if fault not in self.depths:
            self.depths.add(fault)
            self.report(f"unreadable depth, left out of the logged figures: {fault}")

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` reads."""
        return {"pictures": list(self.pictures)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the pictures that were reported before."""
        self.pictures = [str(picture) for picture in state["pictures"]]
