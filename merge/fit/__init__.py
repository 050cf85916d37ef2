"""Methods that fit the model to rows of each adapter's domain."""
