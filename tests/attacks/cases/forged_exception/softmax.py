"""Claims an exception that was never raised, with fields that lead elsewhere."""

from dlcourse.sandbox import wire

FORGED = (
    {"file": "../../graders/test_softmax.py", "line": 1},
    {"file": "@SUITE@", "line": 1},
    {"file": "softmax.py", "line": 1 << 70},
    {"ancestry": ["skip"] * 10 + [None]},
    {"type": ["Skipped"]},
    {"message": None},
)
send = wire.Channel.send
count = 0


def sent(channel, header, *rest):
    global count
    if "value" not in header:
        return send(channel, header, *rest)
    count += 1
    claim = {"status": "raised", "type": "IndexError", "ancestry": ["IndexError"], "message": "x"}
    claim |= {"traceback": "", "file": None, "line": None, "id": header["id"]}
    send(channel, {**claim, **FORGED[count % len(FORGED)]})


wire.Channel.send = sent


def softmax(x, dim):
    return x.exp() / x.shape[dim]
