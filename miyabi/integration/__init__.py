"""All results of a run become one branch: merged in order, verified, the merge that breaks it found, conflicts.

Works in the user's clone only. Pushes nothing; `integration` is the product's word, see `[integration]`.
"""
