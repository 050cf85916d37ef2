"""Numbers, dates, codes and references that are written in several ways, in one form."""
