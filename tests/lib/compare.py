"""Python's ssl module with its defaults: see tests/peers/comparison.test.

compare.py connect PORT CAFILE      prints: ok, or refused and what a program is told
compare.py serve CERTIFICATE KEY    prints its port; answers every connection with ok
compare.py read PORT CAFILE         prints what has come and whether the stream was whole
"""
import socket
import ssl
import sys


def connect(port, cafile):
    context = ssl.create_default_context(cafile=cafile or None)
    plain = socket.create_connection(("localhost", int(port)))
    return context.wrap_socket(plain, server_hostname="localhost")


def main(role, *words):
    if role == "connect":
        try:
            connect(*words).close()
            print("ok")
        except ssl.SSLError as error:
            print("refused", getattr(error, "verify_code", None) or "nothing")
    elif role == "read":
        channel = connect(*words)
        try:
            while channel.recv(4096):
                pass
            print("end")
        except ssl.SSLEOFError:
            print("truncated")
    else:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*words)
        listener = socket.create_server(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)
        while True:
            try:
                with context.wrap_socket(listener.accept()[0], server_side=True) as channel:
                    channel.sendall(b"ok\n")
            except (ssl.SSLError, OSError):
                pass


main(*sys.argv[1:])
