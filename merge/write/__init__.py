"""The merged weights, written tensor by tensor: a model or an adapter."""
