"""Views: what each page shows, as one frozen value. Templates place them and decide nothing."""
