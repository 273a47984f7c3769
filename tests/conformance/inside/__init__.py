"""What runs in the child process of an oracle, beside the server's own code."""
