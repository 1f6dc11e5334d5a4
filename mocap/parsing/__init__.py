"""Reading files that nobody vouches for: numbers, arrays, pickles."""
