"""Finding secrets in text, and putting placeholders in their place."""
