"""Messages with what is attached to them: .eml and .msg."""
