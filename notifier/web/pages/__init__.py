"""Pages: from a request of a person who has signed in to one frozen value, or to where an act leads."""
