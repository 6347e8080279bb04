"""May this request run, here, for this money? Pure: values in, a verdict with its reason out."""
