"""Which surface point each pixel sees, and what follows from it."""
