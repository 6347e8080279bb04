"""Exit codes, documented in the README and in ``outgrow --help``."""

OK = 0
CLAIM_BROKEN = 1
BAD_INPUT = 2
BAD_PRICES = 3
NO_CANDIDATE = 4
NO_NETWORK = 5
TO_REVIEW = 6
BUG = 70
INTERRUPTED = 130
