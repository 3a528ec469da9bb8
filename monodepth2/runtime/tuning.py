"""How a process uses the machine's cores and memory."""

import os
import sys


def tune_process(deterministic: bool = False) -> None:
    """Set what PyTorch's libraries read when they start; call it before torch is imported.

    OpenMP's threads sleep while they wait for each other. By default they spin: where loader processes or other
    programs want the same cores, a spinning thread burns the time that the one it waits for would need, and on two
    busy cores a training step took three times as long.

    Large tensors lie on large pages: a step allocates gigabytes, and the system's work to map them in pages of 4 kB is
    a tenth of its time.

    Matrix products on a GPU get a work space of fixed size where they have to be deterministic.

    Variables that the user has set keep their values.
    """
    assert "torch" not in sys.modules
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
