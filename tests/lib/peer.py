"""The other side of a connection, on Python's ssl module: see tests/peers/python.test.

peer.py listen|connect PORT DIRECTORY step ...

DIRECTORY is that of the certificates. It prints what it saw, one "name value" per line.
Steps: wrap=VERSION,CERTIFICATE,TRUST,ALPN,PHA (parts may be empty; anything for PHA allows
authentication after the handshake), send=FILE, recv=COUNT, line=TEXT, gets, eof,
pause=SECONDS, unwrap, close; unique: the channel binding tls-unique; ask: a server asks for a
certificate now; who: the peer's common name; and for a client pipeline=VERSION,TEXT: the text
and the ClientHello behind it in one packet.
"""
import hashlib
import socket
import ssl
import sys
import time

VERSIONS = {"tls1.2": ssl.TLSVersion.TLSv1_2, "tls1.3": ssl.TLSVersion.TLSv1_3}


def say(name, value):
    print(name, value, flush=True)


class Peer:
    def __init__(self, role, port, directory):
        self.role = role
        self.directory = directory
        self.bytes = b""
        if role == "listen":
            listener = socket.create_server(("127.0.0.1", int(port)))
            say("port", listener.getsockname()[1])
            self.socket = listener.accept()[0]
        else:
            self.socket = socket.create_connection(("127.0.0.1", int(port)))

    def path(self, name):
        return f"{self.directory}/{name}"

    def context(self, version, certificate="", trust="", alpn="", pha=""):
        is_server = self.role == "listen"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if is_server else ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = context.maximum_version = VERSIONS[version]
        if certificate:
            context.load_cert_chain(self.path(certificate + ".pem"), self.path(certificate + ".key"))
        if trust:
            context.load_verify_locations(self.path(trust + ".pem"))
            context.verify_mode = ssl.CERT_REQUIRED
        if pha:
            context.post_handshake_auth = True
        if alpn:
            context.set_alpn_protocols(alpn.split("/"))
        return context

    def wrap(self, words):
        context = self.context(*words.split(","))
        self.socket = context.wrap_socket(
            self.socket,
            server_side=self.role == "listen",
            server_hostname=None if self.role == "listen" else "localhost",
            suppress_ragged_eofs=False,
        )
        say("protocol", self.socket.version())
        say("alpn", self.socket.selected_alpn_protocol() or "none")

    def pipeline(self, words):
        version, text = words.split(",")
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context(version, "", "ca").wrap_bio(incoming, outgoing, server_hostname="localhost")
        first = (text + "\r\n").encode()

        def drive(step):
            nonlocal first
            while True:
                try:
                    result = step()
                except ssl.SSLWantReadError:
                    result = None
                out = first + outgoing.read()
                first = b""
                if out:
                    self.socket.sendall(out)
                if result is not None:
                    return result
                incoming.write(self.socket.recv(65536))

        drive(lambda: tls.do_handshake() or True)
        drive(lambda: tls.write(b"secret\n"))
        say("reply", drive(lambda: tls.read(100)).decode().strip())

    def take(self, size):
        got = self.socket.recv(size)
        self.bytes += got
        return got

    def send(self, path):
        with open(path, "rb") as file:
            self.socket.sendall(file.read())

    def recv(self, count):
        parts = []
        left = int(count)
        while left > 0:
            got = self.socket.recv(min(left, 65536))
            if not got:
                break
            parts.append(got)
            left -= len(got)
        self.bytes += b"".join(parts)

    def line(self, text):
        self.socket.sendall(text.encode() + b"\n")

    def gets(self, _):
        text = b""
        while not text.endswith(b"\n"):
            got = self.socket.recv(1)
            if not got:
                break
            text += got
        say("line", text.decode().rstrip())

    def eof(self, _):
        parts = []
        while True:
            got = self.socket.recv(65536)
            if not got:
                break
            parts.append(got)
        self.bytes += b"".join(parts)
        say("end", "clean")

    def unique(self, _):
        say("unique", self.socket.get_channel_binding("tls-unique").hex())

    def ask(self, _):
        self.socket.verify_client_post_handshake()

    def who(self, _):
        subject = (self.socket.getpeercert() or {}).get("subject", ())
        say("who", dict(part for name in subject for part in name).get("commonName", "nobody"))

    def pause(self, seconds):
        time.sleep(float(seconds))

    def unwrap(self, _):
        self.socket = self.socket.unwrap()

    def close(self, _):
        if isinstance(self.socket, ssl.SSLSocket):
            self.socket.unwrap()
        self.socket.close()

    def report(self):
        say("count", len(self.bytes))
        say("sum", hashlib.sha256(self.bytes).hexdigest())
        say("lines", self.bytes.count(b"\n"))


def main(role, port, directory, *steps):
    peer = Peer(role, port, directory)
    try:
        for step in steps:
            name, _, value = step.partition("=")
            getattr(peer, name)(value)
    except (ssl.SSLError, OSError) as error:
        say("error", error)
    peer.report()


main(*sys.argv[1:])
