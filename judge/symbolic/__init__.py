"""Python values and their meaning as logical terms: what a proof is about, not how it is found."""
