"""How the threads of a process share the machine's cores with others."""

import os
import sys


def wait_for_threads_asleep() -> None:
    """Let OpenMP's threads sleep while they wait for each other; call it before torch is imported.

    By default they spin. Where loader processes or other programs want the same cores, a spinning thread burns the
    time that the one it waits for would need: on two busy cores a training step took three times as long. A policy
    that the user has set stays.
    """
    assert "torch" not in sys.modules
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
