"""Request traces of every format people have, read into arrays."""
