"""One person: whom `erase` and `export` are about, which pushes are theirs, and what is held on them."""
