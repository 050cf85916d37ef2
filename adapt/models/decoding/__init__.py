"""Answers while they are decoded: held to passages or to tools, and streamed."""
