"""Pictures and tables on disk. Matplotlib is imported only inside the functions that draw."""
