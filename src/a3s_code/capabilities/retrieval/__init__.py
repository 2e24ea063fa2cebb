"""Finding what a question is about: by its words in files, and by its meaning in vectors."""
