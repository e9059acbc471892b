print("ESCAPED: json")
