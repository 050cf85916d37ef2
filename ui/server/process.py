"""The process behind the app: `python -m ui.server.process WORKSPACE [FLAG…]`, Streamlit with its flags.

What the first answer needs (seconds of libraries, the model) is loaded from the process's start, not from the first visit.
"""

import logging
import sys
from pathlib import Path

from adapt.errors import AdaptError
from ui.environment import prepare

prepare()

from streamlit import net_util  # noqa: E402  the environment comes first
from streamlit.web.cli import main as streamlit  # noqa: E402

from ui.components.opening import open_context  # noqa: E402

APP = Path(__file__).parents[1] / "app.py"
logger = logging.getLogger(__name__)


def main(workspace: str, *flags: str) -> None:
    """Serve the app until the process is stopped."""
    try:
        open_context(Path(workspace))
    except AdaptError as error:
        logger.info("shown on the page: %s", error)
    # it asks a host on the internet, when a page comes from an unknown origin; the addresses here are known
    net_util.get_external_ip = lambda: None
    streamlit(["run", str(APP), *flags, "--", workspace], prog_name="streamlit")


if __name__ == "__main__":
    main(*sys.argv[1:])
