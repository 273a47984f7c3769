"""Compares hardware profiles by what they come to, and says what each difference costs.

`snapshot` is what one of them comes to on one side, `comparison` what became of two sides; both are
plain data. `taking` and the readers make snapshots, `comparing` compares them, `as_*` tell it.
"""
