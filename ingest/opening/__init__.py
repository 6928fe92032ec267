"""Opening: pushes that are signed or encrypted are made JSON again before they are decoded."""
