"""The prompt bank: entries on disk, similarity, exact search. Needs neither JAX nor `spot`."""
