"""GGUF files for llama.cpp: weights, tokenizer and chat template in one."""
