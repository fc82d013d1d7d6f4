# A client that renegotiates (TLS 1.2) while both directions are full: for tests/events.test.
# usage: perl renegotiate.pl port cafile count
# It sends, without reading, until the socket takes no more or count bytes are sent, and says "full". A renegotiation
# is due then, as soon as the record that was begun has gone out. At a line on stdin it goes on: sends the rest,
# reads to the end, and says what it came to. Byte n of what it sends and wants is n modulo 251.
use strict;
use warnings;
use Socket;
use Fcntl;
use Net::SSLeay;

my ($port, $ca, $size) = @ARGV;
$| = 1;
Net::SSLeay::initialize();
socket(my $socket, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
connect($socket, pack_sockaddr_in($port, inet_aton("127.0.0.1"))) or die "connect: $!";
my $context = Net::SSLeay::CTX_new() or die "no context";
Net::SSLeay::CTX_set_max_proto_version($context, Net::SSLeay::TLS1_2_VERSION());
Net::SSLeay::CTX_load_verify_locations($context, $ca, "") or die "no trust";
Net::SSLeay::CTX_set_verify($context, Net::SSLeay::VERIFY_PEER());
my $ssl = Net::SSLeay::new($context);
Net::SSLeay::set_tlsext_host_name($ssl, "localhost");
# A record that did not go out may be given again from another place, and goes out in parts.
Net::SSLeay::set_mode($ssl, 3);
my $handshakes = 0;
my $shaking = 0;
Net::SSLeay::set_info_callback($ssl, sub {
    my ($ssl, $where) = @_;
    $shaking = 1 if $where & Net::SSLeay::CB_HANDSHAKE_START();
    if ($where & Net::SSLeay::CB_HANDSHAKE_DONE()) {
        $shaking = 0;
        $handshakes++;
    }
});
Net::SSLeay::set_fd($ssl, fileno($socket));
Net::SSLeay::connect($ssl) == 1 or die "handshake: " . Net::SSLeay::ERR_error_string(Net::SSLeay::ERR_get_error());
fcntl($socket, F_SETFL, fcntl($socket, F_GETFL, 0) | O_NONBLOCK) or die "nonblocking: $!";

my ($sent, $received, $ended) = (0, 0, 0);
my $begun = 0; # a record of which a part went out
my $block = join("", map { chr($_ % 251) } 0 .. 16383 + 250);

# Waits for the socket: 1 if it can be read, 2 if it can be written.
sub wait_for {
    my ($mask, $seconds) = @_;
    my ($in, $out) = ("", "");
    vec($in, fileno($socket), 1) = 1 if $mask & 1;
    vec($out, fileno($socket), 1) = 1 if $mask & 2;
    my $count = select(my $can_read = $in, my $can_write = $out, undef, $seconds);
    return $count <= 0 ? 0 : (vec($can_read, fileno($socket), 1) ? 1 : 0) + (vec($can_write, fileno($socket), 1) ? 2 : 0);
}

# One write; false where the socket is full.
sub send_some {
    my $rest = $size - $sent;
    my $count = Net::SSLeay::write($ssl, substr($block, $sent % 251, $rest < 16384 ? $rest : 16384));
    $begun = $count <= 0;
    if ($count > 0) {
        $sent += $count;
        return 1;
    }
    my $error = Net::SSLeay::get_error($ssl, $count);
    die "write: error $error " . Net::SSLeay::ERR_error_string(Net::SSLeay::ERR_get_error()) . "\n" if $error != 2 && $error != 3;
    return 0;
}

# One read; false where nothing is there.
sub receive_some {
    my ($data, $count) = Net::SSLeay::read($ssl, 16384);
    if ($count > 0) {
        for my $i (0, length($data) - 1) {
            die "wrong data at " . ($received + $i) . "\n" if ord(substr($data, $i, 1)) != ($received + $i) % 251;
        }
        $received += length $data;
        return 1;
    }
    my $error = Net::SSLeay::get_error($ssl, $count);
    if ($error == 6) {
        $ended = 1;
        return 0;
    }
    die "read: error $error " . Net::SSLeay::ERR_error_string(Net::SSLeay::ERR_get_error()) . "\n" if $error != 2 && $error != 3;
    return 0;
}

do {
    1 while $sent < $size && send_some();
} while ($sent < $size && wait_for(2, 0.3));
print "full $sent\n";
Net::SSLeay::renegotiate($ssl) == 1 or die "renegotiate";
<STDIN>;
my $is_shut = 0;
while (!$ended) {
    # Reading goes first: a library that writes takes data in the midst of a handshake for an error.
    my $more = receive_some();
    if (!$shaking && ($handshakes > 1 || $begun) && $sent < $size) {
        $more += send_some();
    }
    if (!$is_shut && $sent == $size && $handshakes > 1 && !$shaking) {
        Net::SSLeay::shutdown($ssl);
        $is_shut = 1;
    }
    wait_for($begun || Net::SSLeay::want($ssl) == 2 ? 3 : 1, 1) if !$more && !$ended;
}
print "sent $sent received $received handshakes $handshakes\n";
