"""Is retrieval any good here? Task similarity, clusters, the paper's table, statistics."""
