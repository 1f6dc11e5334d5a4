"""PN-GAN: people in canonical poses, and re-identification features of those pictures."""
