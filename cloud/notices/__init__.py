"""What the city tells people outside its pages: queued in the database, and carried to webhooks and mailboxes."""
