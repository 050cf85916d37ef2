"""Fine-tuning: from a dataset file to a LoRA adapter that is measured against its base."""
