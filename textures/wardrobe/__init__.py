"""What people wear, as paint on the texels of a body."""
