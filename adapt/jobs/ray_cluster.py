"""A Ray cluster, on this machine or at an address, for work that is handed out in tasks; extra `ray`.

Not here: what the tasks do (`finetune.runs.ray`, `retrieval.ingest.ray`).
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from adapt.errors import AdaptError

CONNECT_SECONDS = 10.0
# what the tasks inherit of this process's environment: no telemetry, no network, how threads wait
SHARED = (
    "HF_", "TRANSFORMERS_", "TOKENIZERS_", "ANONYMIZED_", "DO_NOT_TRACK", "WANDB_", "TRACKIO_", "TQDM_", "OMP_WAIT",
    "GOMP_", "ORT_",
)  # fmt: skip


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Yield Ray, connected; a cluster that was started here for this ends with it.

    Args:
        address: `ray` for one on this machine, or that of a cluster (`ray://host:10001`, `host:6379`, `auto`).

    Raises:
        AdaptError: Ray is not installed, or there is no cluster at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise AdaptError("a Ray cluster needs the extra: pip install 'adapt-llm[ray]'") from error
    _check_reachable(address)
    shared = {name: value for name, value in os.environ.items() if name.startswith(SHARED)}
    try:
        ray.init(
            address=None if address == "ray" else address,
            include_dashboard=False if address == "ray" else None,
            log_to_driver=False,
            runtime_env={"env_vars": shared},
        )
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise AdaptError(f"no Ray cluster at {address}: {str(error).splitlines()[0]}") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Refuse an address at which nothing listens; Ray would try for minutes."""
    host, mark, port = address.removeprefix("ray://").rpartition(":")
    if not mark:
        return
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise AdaptError(f"no Ray cluster at {address}: {error}") from error
