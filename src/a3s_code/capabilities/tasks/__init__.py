"""What the tools that delegate have in common: from arguments to a child, and back to a result."""
