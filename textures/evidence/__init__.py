"""What a photograph says of the body in it: landmarks, bone directions, heading, person mask."""
