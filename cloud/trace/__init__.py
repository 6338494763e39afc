"""Where one rating is, and when it passed each step: from the ledger, the stores on the way, and the logs."""
