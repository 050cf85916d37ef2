"""Published models in the form that their next engine opens."""
