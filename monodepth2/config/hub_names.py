"""Names of models on the Hugging Face hub, as the command line takes them."""

import re

_REPOSITORY = r"\w[\w.-]*/\w[\w.-]*"
_REVISION = r"@[\w./-]+"


def is_hub_name(text: str) -> bool:
    """Whether a text may be the name of a model on the hub: USER/MODEL, or USER/MODEL@REVISION."""
    return re.fullmatch(f"{_REPOSITORY}({_REVISION})?", text, re.ASCII) is not None


def is_repository(text: str) -> bool:
    """Whether a text may be the name of a model without a revision: USER/MODEL."""
    return re.fullmatch(_REPOSITORY, text, re.ASCII) is not None
