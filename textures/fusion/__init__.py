"""Several photographs of one person become one surface: each texel from the views that show it best."""
