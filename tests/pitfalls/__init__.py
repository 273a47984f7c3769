"""The mistakes of docs/failure-modes.md, each made once."""
