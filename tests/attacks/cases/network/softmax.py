"""Calls a local server over TCP, UDP and unix sockets, and opens sockets of rarer kinds."""

import os
import socket

SECONDS = 0.3


def stream(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as line:
        line.settimeout(SECONDS)
        line.connect(address)
        return line.recv(100)


def datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.settimeout(SECONDS)
        line.sendto(b"hello", ("127.0.0.1", int("@UDP@")))
        return line.recv(100)


def pair():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.sendto(b"hello", "@UNIX@")


def inherited():
    line = socket.socket(fileno=os.dup(3))
    line.connect("\0@ABSTRACT@")
    return line.recv(100)


def listening():
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        line.listen()
        return "listens"


for way in (
    lambda: stream(socket.AF_INET, ("127.0.0.1", int("@TCP@"))),
    lambda: stream(socket.AF_UNIX, "\0@ABSTRACT@"),
    lambda: stream(socket.AF_UNIX, "@UNIX@"),
    datagram,
    pair,
    inherited,
    listening,
    lambda: socket.getaddrinfo("localhost", int("@TCP@")),
    lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
    lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
    lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    lambda: socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET),
    lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM),
):
    try:
        print(way())
    except OSError as error:
        print(error)


def softmax(x, dim):
    return x.exp() / x.shape[dim]
