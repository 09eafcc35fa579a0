"""Questions about the product, each answered by `python -m studies.NAME`. Nothing imports them."""
