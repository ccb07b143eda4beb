"""Makes the embedded model and the mini suite; not part of the installed package."""
