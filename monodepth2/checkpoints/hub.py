"""Models of the Hugging Face hub: fetched once into its own cache, from which they are used without a network."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monodepth2.checkpoints.shared import CONFIG, ENDING, LARGEST_CONFIG, read_config
from monodepth2.errors import OF_PATHS, UserError, first_line
from monodepth2.files.weight_files import LARGEST_FILE
from monodepth2.runtime.extras import require_packages

PACKAGES = ("huggingface_hub", "safetensors")


def pulled_model(name: str) -> Path:
    """Return the folder of a model of the hub, fetching what is not in the cache.

    `HF_HUB_OFFLINE=1` takes the cache alone; `HF_HOME` moves it.

    Args:
        name: USER/MODEL, or USER/MODEL@REVISION for a branch, a tag or a commit.

    Raises:
        UserError: there is no such model, it cannot be fetched, it is none of this program, or a package is missing.
    """
    require_packages("hub", f"models of the hub like {name}", *PACKAGES)
    repository, _, revision = name.partition("@")
    with hub_errors(name):
        config = _file(repository, CONFIG, revision or None, LARGEST_CONFIG)
        folder = config.parent  # named for the commit, of which all other files are then taken
        for network in read_config(config):
            _file(repository, f"{network}{ENDING}", folder.name, LARGEST_FILE)
    return folder


def is_shared_model(repository: str) -> bool:
    """Whether the `config.json` of a repository of the hub is of a model of this program.

    Raises:
        an error of the hub's package (see `hub_errors`): there is no such file, or it cannot be fetched.
    """
    path = _file(repository, CONFIG, None, LARGEST_CONFIG)
    try:
        read_config(path)
    except UserError:
        return False
    return True


def _file(repository: str, file: str, revision: str | None, largest: int) -> Path:
    """Fetch a file unless the cache has it, after a look at its size."""
    from huggingface_hub import hf_hub_download

    size = hf_hub_download(repository, file, revision=revision, dry_run=True).file_size
    if size is not None and size > largest:
        raise UserError(f"{repository}: {file} has {size:,} bytes, too many for a model; refused")
    return Path(hf_hub_download(repository, file, revision=revision))


@contextmanager
def hub_errors(name: str) -> Iterator[None]:
    """Tell the errors of the hub's package in one sentence with a remedy."""
    from huggingface_hub import errors

    try:
        yield
    except (errors.GatedRepoError, errors.LocalTokenNotFoundError) as error:
        raise UserError(f"{name}: the hub gives access to some accounts only: log in with `hf auth login`") from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(
            f"{name}: there is no such folder here, and the hub has no such model, or it is private; check the name, "
            "or log in with `hf auth login`"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise UserError(f"{name}: the model has no such revision; name a branch, a tag or a commit of it") from error
    except errors.LocalEntryNotFoundError as error:
        raise UserError(
            f"{name}: is not in the hub's cache, and cannot be fetched ({_reason(error)}); try again with a network "
            "connection and without HF_HUB_OFFLINE, or fetch it elsewhere and name its folder"
        ) from error
    except errors.EntryNotFoundError as error:
        raise UserError(
            f"{name}: is not a model of this program, it lacks {CONFIG} or a network that this names; name a model "
            "that `monodepth2 push` has made"
        ) from error
    # the last two are those of the transport, whichever it is
    except (errors.HFValidationError, errors.OfflineModeIsEnabled, errors.HTTPError, OSError) as error:
        if isinstance(error, OSError) and error.errno in OF_PATHS:
            raise UserError(
                f"{name}: the hub's cache cannot be used ({_reason(error)}); set HF_HOME to a folder of yours"
            ) from error
        raise UserError(
            f"{name}: the hub cannot be used ({_reason(error)}); check the network, or log in with `hf auth login`"
        ) from error


def _reason(error: BaseException) -> str:
    """What is below an error tells the reason best."""
    while error.__cause__ is not None:
        error = error.__cause__
    return first_line(error) if isinstance(error, Exception) else "interrupted"
