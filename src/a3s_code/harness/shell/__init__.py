"""What a shell command could run, read and write: `analysis.py` answers, the rest finds out."""
