"""Methods that need whole task vectors, or the factors of them."""
