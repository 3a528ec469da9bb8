"""Names of models on the Hugging Face hub, as the command line takes them."""

import re


def is_hub_name(text: str) -> bool:
    """Whether a text may be the name of a model on the hub: USER/MODEL, or USER/MODEL@REVISION."""
    return re.fullmatch(r"\w[\w.-]*/\w[\w.-]*(@[\w./-]+)?", text, re.ASCII) is not None
