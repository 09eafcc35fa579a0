"""Questions about the product: `python -m studies.NAME` answers each on any dataset and recipe. Nothing imports them."""
