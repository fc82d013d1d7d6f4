# What the files in tests/peers share: our side of a connection as a process of its own
# (client or server, blocking or event-driven), and the programs of others on the other.
#
#   peers::Ours role mode options plan ?port?   starts our side; returns its channel
#   peers::Result ours                          what it saw, a dict, once it is done
#   peers::Theirs ?options? name word ...       starts a program; returns a handle
#   peers::Ended handle                         waits for its end; its exit status
#
# A plan is a list of steps on one connection:
#   handshake          drive the handshake to its end
#   send file          all bytes of the file
#   receive count      so many bytes, kept
#   both file count    send and receive, at once where the mode is event
#   line text          one line out
#   gets               one line in, into `lines`
#   eof                receive until the end, kept
#   unimport           take TLS off
#   import             put TLS on (again)
#   pause ms           nothing
#   close              close; the peer must see a clean end

namespace eval ::peers {
    variable size [expr {16 * 1024 * 1024}]
    variable files {}
    variable moved {}
    variable serial 0
    variable library [file normalize [info script]]
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
    variable library
    set script [list source -encoding utf-8 $library]
    append script "\npeers::Run {*}\$words\n"
    return [support::Child $script $role $mode $options $plan $port]
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

# ---- our side, there

proc ::peers::Run {role mode options plan port} {
    set state [dict create error {} code {} closed {} count 0 sum {} lines {} protocol {} key {} alpn {} reused {}]
    try {
        lassign [Open $role $port $options] plain options
        variable channel $plain
        fconfigure $channel -translation binary -blocking [expr {$mode eq "blocking"}]
        variable received ""
        if {[lindex $plan 0 0] ne "plain"} {
            tls::import $channel {*}$options
        }
        foreach step $plan {
            Step $role $mode $options {*}$step
        }
    } on error {message details} {
        dict set state error $message
        dict set state code [dict get $details -errorcode]
    }
    variable seen
    foreach {name value} [array get seen] {
        dict set state $name $value
    }
    dict set state count [string length $received]
    dict set state sum [support::Sha256 $received]
    puts [list {*}$state]
    # What lingers in the background, and a peer that is slow to notice.
    catch {support::Close $channel}
    support::Sleep 50
}

# A connected socket, and the options with which to import it.
proc ::peers::Open {role port options} {
    variable accepted
    if {$role eq "server"} {
        set listener [socket -server {apply {{channel address port} {set ::peers::accepted $channel}}} \
            -myaddr 127.0.0.1 $port]
        puts "port [support::Port $listener]"
        vwait ::peers::accepted
        close $listener
        return [list $accepted [concat $options {-server 1}]]
    }
    set end [expr {[clock milliseconds] + 10000}]
    while {[catch {socket 127.0.0.1 $port} channel]} {
        if {[clock milliseconds] > $end} {
            error $channel
        }
        after 20
    }
    return [list $channel $options]
}

proc ::peers::Step {role mode options kind args} {
    variable channel
    variable received
    variable seen
    switch -exact -- $kind {
        plain {}
        handshake {
            support::Until {[tls::handshake $channel]}
        }
        import {
            tls::import $channel {*}$options
        }
        unimport {
            Look
            tls::unimport $channel {*}$args
        }
        pause {
            support::Sleep [lindex $args 0]
        }
        line {
            puts -nonewline $channel [lindex $args 0]\n
            flush $channel
        }
        gets {
            set line ""
            support::Until {[gets $channel line] >= 0 || [eof $channel]}
            lappend seen(lines) [string trimright $line \r]
        }
        close {
            Look
            close $channel
        }
        default {
            Step-$mode $role $kind {*}$args
        }
    }
}

# What is known about the connection, as long as there is one.
proc ::peers::Look {} {
    variable channel
    variable seen
    if {[catch {tls::status $channel} status] || ![dict size $status]} {
        return
    }
    set connection [tls::connection $channel]
    set seen(protocol) [dict get $status protocol]
    set seen(alpn) [dict get $status alpn]
    set seen(closed) [dict get $connection closed]
    set seen(reused) [dict get $connection session_reused]
    if {[dict exists $status publicKeyAlgorithm]} {
        set seen(key) [dict get $status publicKeyAlgorithm]
    }
}

proc ::peers::Step-blocking {role kind args} {
    variable channel
    variable received
    switch -exact -- $kind {
        send {
            puts -nonewline $channel [support::Read [lindex $args 0]]
            flush $channel
        }
        receive {
            append received [read $channel [lindex $args 0]]
        }
        both {
            lassign $args path count
            set steps [list [list send $path] [list receive $count]]
            foreach step [expr {$role eq "client" ? $steps : [lreverse $steps]}] {
                Step-blocking $role {*}$step
            }
        }
        eof {
            append received [read $channel]
            Look
        }
    }
}

proc ::peers::Step-event {role kind args} {
    variable channel
    variable out ""
    variable want 0
    variable done
    switch -exact -- $kind {
        send {
            set out [support::Read [lindex $args 0]]
        }
        receive {
            set want [lindex $args 0]
        }
        both {
            set out [support::Read [lindex $args 0]]
            set want [lindex $args 1]
        }
        eof {
            set want -1
        }
    }
    if {$out ne ""} {
        fileevent $channel writable ::peers::Writable
    }
    if {$want != 0} {
        fileevent $channel readable ::peers::Readable
    }
    support::Wait ::peers::done 30000
    if {[lindex $done 0] eq "error"} {
        return -options [lindex $done 2] [lindex $done 1]
    }
    if {$kind eq "eof"} {
        Look
    }
}

proc ::peers::Guard {body} {
    if {[catch {uplevel 1 $body} message details]} {
        variable done [list error $message [dict remove $details -level]]
        variable channel
        catch {fileevent $channel readable {}}
        catch {fileevent $channel writable {}}
    }
}

proc ::peers::Writable {} {
    Guard {
        variable channel
        variable out
        variable sent
        incr sent 0
        puts -nonewline $channel [string range $out $sent $sent+65535]
        flush $channel
        incr sent 65536
        if {$sent >= [string length $out]} {
            fileevent $channel writable {}
            set out ""
            set sent 0
            # Only what the network has taken is sent.
            support::Until {[chan pending output $channel] == 0} 20000
            Finished
        }
    }
}

proc ::peers::Readable {} {
    Guard {
        variable channel
        variable received
        variable want
        set bytes [read $channel [expr {$want > 0 ? min($want, 65536) : 65536}]]
        append received $bytes
        if {$want > 0} {
            incr want -[string length $bytes]
        }
        if {$want == 0 || [eof $channel]} {
            fileevent $channel readable {}
            set want 0
            Finished
        }
    }
}

proc ::peers::Finished {} {
    variable out
    variable want
    if {$out eq "" && $want == 0} {
        variable done ok
    }
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
    fconfigure $pipe -blocking 0 -translation binary
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
