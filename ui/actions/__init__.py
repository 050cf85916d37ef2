"""What a person can do, one function each; command line and app call these same functions."""
