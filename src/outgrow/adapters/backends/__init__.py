"""Where attempts run: one adapter a kind of backend, all behind one door for payloads."""
