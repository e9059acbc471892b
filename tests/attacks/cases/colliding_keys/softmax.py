"""Returns a dictionary whose keys all fall into one place of a hash table."""


def softmax(x, dim):
    modulus = (1 << 61) - 1
    return {number * modulus: None for number in range(1, 4000)} | {
        float(number * modulus): None for number in range(4000, 8000)
    }
