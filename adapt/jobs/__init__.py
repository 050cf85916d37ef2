"""Long work: in worker processes of this machine, or on a Ray cluster."""
