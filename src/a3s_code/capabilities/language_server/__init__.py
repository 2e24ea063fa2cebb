"""What language servers say of files that the model changed."""
