"""What a real camera does to a picture: blur, exposure, noise and compression; never to a label."""
