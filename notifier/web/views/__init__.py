"""Views: the content of each page as one frozen value. Templates lay it out and make no decisions."""
