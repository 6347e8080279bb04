"""Where programs come in: the HTTP door of `outgrow serve`."""
