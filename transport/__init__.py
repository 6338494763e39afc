"""The durable hop, written once: link, outbox, sender, receiver."""
