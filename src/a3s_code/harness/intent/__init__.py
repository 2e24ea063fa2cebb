"""What a prompt is about, as far as its words say it."""
