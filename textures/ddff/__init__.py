"""Dual-domain feature flow with multi-view hallucinations (Chang et al., AAAI 2022)."""
