"""The pages of `outgrow serve`, for people: what runs, what it costs, how backends do."""
