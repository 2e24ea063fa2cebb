"""What a session may use up: the ledger, and who is asked before anything is spent."""
