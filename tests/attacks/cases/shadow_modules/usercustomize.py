print("ESCAPED: usercustomize")
