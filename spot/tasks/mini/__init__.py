"""The mini suite: small English classification tasks, stored in the package."""
