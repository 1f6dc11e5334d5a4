"""SamplerNet and RefinerNet (Cha et al., SIGGRAPH 2022 posters)."""
