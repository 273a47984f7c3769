"""Takes the facts of the models that profiles name, and keeps them in `lmi.lock` beside them."""
