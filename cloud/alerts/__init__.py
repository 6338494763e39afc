"""What a leader on duty has to look at now: who is told, who when that one does not answer, and until when."""
