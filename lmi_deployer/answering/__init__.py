"""The answer to a sizing question: worked out, with ways out, and shown to people and programs."""
