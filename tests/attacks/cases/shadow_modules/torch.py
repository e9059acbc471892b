print("ESCAPED: torch")
