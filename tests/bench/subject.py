"""A Python program under measurement: the counterpart of peer.c, the same words and output.

python3 subject.py server cert key      one connection after the other
python3 subject.py threads cert key     a thread for each
python3 subject.py client port ca task count bytes version resume
"""
import socket
import ssl
import sys
import threading
import time

BLOCK = b"0123456789abcdef" * 4096


def finish(channel):
    """Sends close_notify, as the others do: the end of the with-block does not."""
    try:
        channel.unwrap()
    except OSError:
        pass


def serve(channel):
    stream = channel.makefile("rb")
    while True:
        line = stream.readline()
        if not line:
            return
        task, count = line.split()
        count = int(count)
        if task == b"d":
            while count > 0:
                step = min(count, len(BLOCK))
                channel.sendall(BLOCK[:step])
                count -= step
        elif task == b"u":
            while count > 0:
                count -= len(stream.read1(65536))
            channel.sendall(b"ok\n")
        elif task == b"p":
            for _ in range(count):
                channel.sendall(stream.readline())
        else:
            channel.sendall(b"ok\n")


def serve_one(context, plain):
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        with context.wrap_socket(plain, server_side=True) as channel:
            serve(channel)
            finish(channel)
    except (OSError, ssl.SSLError):
        pass


def server(style, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listener.getsockname()[1], flush=True)
    while True:
        plain, _ = listener.accept()
        if style == "threads":
            threading.Thread(target=serve_one, args=(context, plain), daemon=True).start()
        else:
            serve_one(context, plain)


def task(channel, name, count):
    channel.sendall(b"%s %d\n" % (name, count))
    stream = channel.makefile("rb")
    if name == b"d":
        while count > 0:
            count -= len(stream.read1(65536))
        return
    if name == b"p":
        for _ in range(count):
            channel.sendall(b"12345\n")
            assert stream.readline() == b"12345\n"
        return
    while name == b"u" and count > 0:
        step = min(count, len(BLOCK))
        channel.sendall(BLOCK[:step])
        count -= step
    assert stream.readline() == b"ok\n"


def client(port, ca, name, count, size, version, resume):
    context = ssl.create_default_context(cafile=ca)
    wanted = ssl.TLSVersion.TLSv1_2 if version == "tls1.2" else ssl.TLSVersion.TLSv1_3
    context.minimum_version = context.maximum_version = wanted
    session = None
    resumed = 0
    start, cpu = time.monotonic(), time.process_time()
    for _ in range(int(count)):
        plain = socket.create_connection(("127.0.0.1", int(port)))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(plain, server_hostname="localhost", session=session) as channel:
            task(channel, name.encode(), int(size))
            resumed += channel.session_reused
            if int(resume):
                session = channel.session
            finish(channel)
    print("%.6f %.6f %d" % (time.monotonic() - start, time.process_time() - cpu, resumed))


if sys.argv[1] in ("server", "threads"):
    server(*sys.argv[1:])
else:
    client(*sys.argv[2:])
