"""Packages that only some outputs need."""

from importlib import import_module

from monodepth2.errors import UserError


def require(package: str, purpose: str) -> None:
    """Check that a package of the extra `predict` is there.

    Raises:
        UserError: it is not; the message says how to install it.
    """
    try:
        import_module(package)
    except ImportError as error:
        raise UserError(f"{purpose} need the package {package}: pip install 'monodepth2[predict]' ({error})") from error
