"""What has to be set before a heavy library is imported: no telemetry, no chatter on stderr, cores that are shared."""

import logging
import os
import sys
import warnings

QUIET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "ANONYMIZED_TELEMETRY": "False",
    "ORT_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "WANDB_DISABLED": "true",
    "TRACKIO_DISABLED": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TQDM_DISABLE": "1",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
}

FOUR_BIT = "bitsandbytes"

# Threads that wait asleep, after a spin of microseconds: on two cores, a training in the background and an answer in the
# foreground would otherwise burn each other's time. Steps in 24 s, one training alone / two at once: without any spin
# 42-51 / 71-76 together, after 1,000 turns 54-66 / 61, after 10,000 turns 61-77 / 22-24.
SHARED_CORES = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}


def prepare() -> None:
    """Set what is not set yet; our own progress and messages take the place of the libraries'."""
    for name, value in (QUIET | SHARED_CORES).items():
        os.environ.setdefault(name, value)
    warnings.simplefilter("ignore")
    # through it bitsandbytes and transformers fetch compiled code from the hub and run it
    sys.modules.setdefault("kernels", None)  # type: ignore[arg-type]  # what importlib takes for "there is none"
    logging.getLogger(FOUR_BIT).setLevel(logging.ERROR)  # it warns that this is so
    # peft imports it wherever it is installed, two seconds before every first answer; training asks for it
    sys.modules.setdefault(FOUR_BIT, None)  # type: ignore[arg-type]


def allow_four_bit() -> None:
    """Let this process hold a base in 4 bits; to be called before peft is imported."""
    if FOUR_BIT in sys.modules and sys.modules[FOUR_BIT] is None:
        del sys.modules[FOUR_BIT]
