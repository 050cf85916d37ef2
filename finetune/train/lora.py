"""Settings → peft's configuration of the adapter."""

from peft import LoraConfig

from finetune.settings import SftSettings


def lora_config(settings: SftSettings) -> LoraConfig:
    """Return the LoRA configuration: every linear layer but the output head, for any decoder, unless set otherwise.

    References: Hu et al. 2021, LoRA, arXiv:2106.09685; on all linear layers as in Dettmers et al. 2023, QLoRA,
    arXiv:2305.14314, whose adapter is a plain one on a base in 4 bits (`adapt.models.loading`); variants: Kalajdzievski
    2023, rsLoRA, arXiv:2312.03732; Liu et al. 2024, DoRA, arXiv:2402.09353.
    """
    targets = settings.targets
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        use_rslora=settings.variant == "rslora",
        use_dora=settings.variant == "dora",
        # peft leaves the output head out of "all-linear"; trl would not train an adapter on it
        target_modules=targets if isinstance(targets, str) else list(targets),
        bias="none",
    )
