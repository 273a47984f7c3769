"""Hostile and generated input: whatever is read, the answer is a verdict and never a crash."""
