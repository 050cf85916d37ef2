"""Texts to vectors: the shipped embedders and any other, a reranker, and questions read beside passages."""
