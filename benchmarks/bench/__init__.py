"""Speed and memory beside PEFT and transformers, as one table whose rows are ratios within one run.

    python -m benchmarks.bench [ROW ...] [--quick] [--json FILE] [--list]

`table.py` lists the rows; each is a function in one of the files beside it.
"""
