"""People come in here: arguments in, text and exit codes out."""
