"""What a machine gives to grading, found by trying: what `dlcourse doctor` shows."""
