"""One file for each kind of check; `checks.registry` lists them."""
