"""One page of everything that a folder of results or a bank has to show.

A kind of folder is a file of this package with a function from the folder to a `Part`, and a line in
`kinds.py`. Parts are values; `render.py` makes the page of them, `svg.py` its pictures.
"""
