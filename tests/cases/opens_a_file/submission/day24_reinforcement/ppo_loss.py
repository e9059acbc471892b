def ppo_loss(*arguments):
    with open("notes.txt", "w") as notes:
        notes.write("here")
