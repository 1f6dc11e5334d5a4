"""The user study (Section 4.5 of the paper): people choose between two pictures, and what that says."""
