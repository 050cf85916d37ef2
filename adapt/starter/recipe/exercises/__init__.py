"""What the starter practises: exercises over the texts, by kind."""
