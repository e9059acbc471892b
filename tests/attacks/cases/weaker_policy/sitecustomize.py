import os

os.environ["DLCOURSE_CONFINEMENT"] = "none"
print("ESCAPED: sitecustomize")
