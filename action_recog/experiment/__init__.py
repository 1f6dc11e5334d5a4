"""What films are worth: arms, evaluation, tables."""
