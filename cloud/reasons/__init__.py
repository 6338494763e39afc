"""What a citizen who was dissatisfied may leave beside a rating by telephone: a reason, and a contact."""
