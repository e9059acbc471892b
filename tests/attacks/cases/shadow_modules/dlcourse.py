print("ESCAPED: dlcourse")
