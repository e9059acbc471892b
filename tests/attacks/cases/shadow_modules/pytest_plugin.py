print("ESCAPED: pytest_plugin")
