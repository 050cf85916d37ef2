"""Answers while they are decoded: restricted to passages or to tools, and streamed."""
