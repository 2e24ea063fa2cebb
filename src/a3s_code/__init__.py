"""A3S Code: an embeddable coding-agent harness."""
