"""Chroma's index: beside the segments of a collection, or on a server; what it proposes is compared exactly."""
