# What the files in tests/peers share: our side of a connection as a process of its own
# (client or server, blocking or event-driven), and the programs of others on the other.
#
#   peers::Ours role mode options plan ?port?   starts our side; returns its channel
#   peers::Result ours                          what it saw, a dict, once it is done
#   peers::Theirs ?options? name word ...       starts a program; returns a handle
#   peers::Ended handle                         waits for its end; its exit status
#   peers::Greeter options ?who?                a server of ours that says hello to everybody
#
# What a plan is stands in peerside.tcl.

namespace eval ::peers {
    variable size [expr {16 * 1024 * 1024}]
    variable files {}
    variable moved {}
    variable serial 0
    variable side [file join $::support::here peerside.tcl]
}

# ---- data

# A file with bytes that the side sends, and its SHA-256: {path sum}. Text where binary
# data would not come through a peer that knows only lines.
proc ::peers::Data {who {kind binary} {count {}}} {
    variable files
    variable size
    if {$count eq ""} {
        set count $size
    }
    set name $who.$kind.$count
    if {![dict exists $files $name]} {
        set bytes [support::Bytes $count [expr {$who eq "ours" ? 11 : 12}]]
        if {$kind eq "text"} {
            set bytes [string range [binary encode base64 -maxlen 999 $bytes] 0 $count-2]\n
        }
        set path [support::Path $name.data $bytes]
        dict set files $name [list $path [support::Sha256File $path]]
    }
    return [dict get $files $name]
}

proc ::peers::DataPath {args} {
    return [lindex [Data {*}$args] 0]
}

# Waits until the file has as many bytes as the other one; true if they are equal.
proc ::peers::Same {path other {ms 20000}} {
    support::Until {[file size $path] >= [file size $other]} $ms
    return [expr {[support::Sha256File $path] eq [support::Sha256File $other]}]
}

# ---- options

# The options that leave one protocol version: tls1.2, tls1.3.
proc ::peers::Only {version} {
    return [list -minversion $version -maxversion $version]
}

# Those of our server with a certificate, those of our client that trusts the CA.
proc ::peers::Server {version certificate args} {
    return [concat [Only $version] [support::Identity $certificate] $args]
}

proc ::peers::Client {version args} {
    return [concat [Only $version] [support::Trust] {-servername localhost} $args]
}

# ---- our side, here

# Starts our side. A client connects to port, and tries again while nobody listens there.
proc ::peers::Ours {role mode options plan {port 0}} {
    variable side
    set script [list source -encoding utf-8 $side]
    append script "\npeers::Run {*}\$words\n"
    # Carriage returns would not survive `source`.
    return [support::Child $script $role $mode $options [binary encode base64 $plan] $port]
}

# The port of our server.
proc ::peers::Port {ours} {
    return [lindex [support::Line $ours] 1]
}

# What our side saw: a dict with protocol, key (of the peer's certificate), alpn, count
# and sum of what it received, lines, closed, error and code.
proc ::peers::Result {ours {ms 30000}} {
    set line [support::Line $ours $ms]
    catch {support::Reap $ours}
    return $line
}

# A server of ours that says hello to everybody and closes, or with echo waits for the
# end first. It prints a dict per connection. Returns its channel.
proc ::peers::Greeter {options {who hello}} {
    variable side
    set script [list source -encoding utf-8 $side]
    append script "\npeers::Greet {*}\$words\n"
    return [support::Child $script $options $who]
}

# ---- the other side

# Starts a program of others. Its stdin is a pipe that stays open; what it prints goes
# to files. Options: -input file (copied to its stdin), -dir (its directory).
# Returns a handle: pid, input, output and errors (paths).
proc ::peers::Theirs {options name args} {
    variable serial
    set options [dict merge {-input {} -dir .} $options]
    set base $name.[incr serial]
    set output [support::Path $base.out {}]
    set errors [support::Path $base.err {}]
    # Descriptor 3 ends with the program, and tells of it.
    set script {cd "$1" && output=$2 errors=$3 && shift 3 && exec "$@" 3>&1 >"$output" 2>"$errors"}
    set pipe [open |[list sh -c $script sh [dict get $options -dir] $output $errors \
        {*}[::programs::Command $name] {*}$args] r+]
    fconfigure $pipe -blocking 0 -translation binary -buffering none
    lappend ::support::children $pipe
    set handle [dict create pid [pid $pipe] input $pipe output $output errors $errors]
    if {[dict get $options -input] ne ""} {
        Feed $handle [dict get $options -input]
    }
    return $handle
}

# Copies a file to a program's stdin, in the background.
proc ::peers::Feed {handle path} {
    set file [open $path rb]
    fcopy $file [dict get $handle input] -command [list apply {{file args} {close $file}} $file]
}

# Ends a program's stdin.
proc ::peers::EndInput {handle} {
    chan close [dict get $handle input] write
}

# Waits until the program has ended by itself; its exit status.
proc ::peers::Ended {handle {ms 20000}} {
    set pipe [dict get $handle input]
    support::Until {[read $pipe; eof $pipe]} $ms
    set ::support::children [lsearch -all -inline -not -exact $::support::children $pipe]
    fconfigure $pipe -blocking 1
    if {[catch {close $pipe} message details]} {
        set code [dict get $details -errorcode]
        return [expr {[lindex $code 0] eq "CHILDSTATUS" ? [lindex $code 2] : $message}]
    }
    return 0
}

# Ends a program, also one that is still being fed.
proc ::peers::Stop {handle} {
    set pipe [dict get $handle input]
    set ::support::children [lsearch -all -inline -not -exact $::support::children $pipe]
    if {$pipe in [chan names]} {
        catch {exec kill [dict get $handle pid] 2>@1}
        catch {close $pipe}
    }
}

proc ::peers::Output {handle} {
    return [support::Read [dict get $handle output]]
}

proc ::peers::Errors {handle} {
    return [support::Read [dict get $handle errors]]
}

# ---- openssl, which all know

proc ::peers::VersionFlag {version} {
    return [string map {tls1.2 -tls1_2 tls1.3 -tls1_3} $version]
}

# openssl s_server with that certificate, and s_client that trusts the CA.
proc ::peers::SServer {options version certificate port args} {
    return [Theirs $options openssl s_server -quiet -accept 127.0.0.1:$port [VersionFlag $version] \
        -cert [support::Cert $certificate] -cert_chain [support::Cert $certificate] -key [support::Key $certificate] \
        {*}$args]
}

proc ::peers::SClient {options version port args} {
    return [Theirs $options openssl s_client -connect 127.0.0.1:$port [VersionFlag $version] \
        -servername localhost -verify_return_error -verify_hostname localhost -CAfile [support::Cert ca] {*}$args]
}

# ---- what was moved, for the summary

# Notes a connection: who the peer was, and bytes sent to it and received from it.
proc ::peers::Moved {who sent received} {
    variable moved
    lassign [expr {[dict exists $moved $who] ? [dict get $moved $who] : {0 0 0}}] connections out in
    dict set moved $who [list [incr connections] [incr out $sent] [incr in $received]]
}

# Prints a line per peer, which tests/all.tcl passes on, and ends the file.
proc ::peers::Finish {} {
    variable moved
    dict for {who entry} $moved {
        lassign $entry connections out in
        puts [format "transferred: %-18s %3d connections, %7.1f MiB to it, %7.1f MiB from it, all sums equal" \
            $who $connections [expr {$out / 1048576.0}] [expr {$in / 1048576.0}]]
    }
    support::Finish
}
