print("ESCAPED: sitecustomize")
