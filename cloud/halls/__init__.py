"""What the city tells each township's hall: its plates, notices, who is on duty, codes, what a kiosk answers."""
