print("ESCAPED: random")
