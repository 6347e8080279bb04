"""A decision as data, and the data as documents. Pure: value to text."""
