"""Search: which pushes are meant by an id or by conditions, page by page; and all that is known of one of them."""
