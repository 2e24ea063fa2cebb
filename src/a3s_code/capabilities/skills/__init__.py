"""Skills: texts that a model finds when it needs them, and what one of them may do."""
