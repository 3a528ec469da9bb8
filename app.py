"""A page to try a network on: `python app.py --run drive`, then http://127.0.0.1:7860/."""

from monodepth2.command.main import start
from monodepth2.errors import run_script


def main() -> int:
    """Show the page as the command line says."""
    return start("app")


if __name__ == "__main__":
    run_script(main)
