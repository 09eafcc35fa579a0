"""The pages that people look at: dataset card, report, list of protocols, and the figures on them."""
