"""What may be misuse of the buttons: flags from times and names, never from grades; they annotate, no more."""
