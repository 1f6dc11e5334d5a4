"""Re-Identification Supervised Texture Generation (Wang et al., CVPR 2019)."""
