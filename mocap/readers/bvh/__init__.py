"""BVH files on any skeleton."""
