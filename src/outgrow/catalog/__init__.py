"""What can be bought and what can be built from it: price files, machines, option shapes, and their readers."""
