"""The shipped example: the picture of a receipt in; merchant, date, items and total, each with a confidence, out."""
