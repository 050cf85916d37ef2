"""Files of a repository on the Hugging Face hub, fetched into its cache; nothing is fetched under `HF_HUB_OFFLINE`."""

from collections.abc import Sequence
from pathlib import Path

from adapt.errors import ModelError


def fetch(name: str, wanted: Sequence[str], *, what: str, hint: str) -> Path:
    """Return the folder of the files that were asked for.

    Args:
        name: `owner/name`; no folder of this machine is called so.
        wanted: patterns of file names.
        what: what it is for, as the text of errors begins.
        hint: what to do, as it ends.

    Raises:
        ModelError: the hub does not have it, or cannot be asked.
    """
    # imported here: a recipe is checked without a hub, and this takes a tenth of a second
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    start = f"{what} '{name}': no such folder, and"
    try:
        return Path(snapshot_download(name, allow_patterns=list(wanted)))
    except HFValidationError as error:
        raise ModelError(
            f"{start} not the id of a repository on the hub (owner/name); {hint}"
        ) from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise ModelError(
            f"{start} the hub did not serve it ({type(error).__name__}); {hint}"
        ) from error


def find_local(name: str, wanted: Sequence[str]) -> Path | None:
    """Return the folder of files that were fetched before, or None; the hub is not asked."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=list(wanted), local_files_only=True))
    except (HFValidationError, LocalEntryNotFoundError):
        return None


def offline() -> bool:
    """Return whether the hub may not be asked (`HF_HUB_OFFLINE`)."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)
