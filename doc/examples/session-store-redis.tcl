# Several server processes that share their TLS sessions through Redis: a client that was at
# one of them resumes at another one.
#
#   tclsh session-store-redis.tcl port certfile keyfile ?redis-host? ?redis-port? ?-follow?
#
# Port 0 takes a free one. The port is printed once it listens. Each line that a client sends
# is answered with what its connection is. All processes need the same certificate. Sessions
# are as secret as a private key, and go to Redis as they are: keep it on this machine, or reach
# it through a tunnel.

package require tls 2

# ---- Redis, by its own protocol: https://redis.io/docs/reference/protocol-spec

namespace eval redis {
    variable host 127.0.0.1
    variable port 6379
    variable channel ""
    # How long a handshake may wait for it, in milliseconds.
    variable patience 500
    variable deadline 0
}

# Sends a command and returns the answer. A command is an array of byte strings.
proc redis::call {args} {
    variable channel
    variable deadline
    variable patience
    set deadline [expr {[clock milliseconds] + $patience}]
    set message "*[llength $args]\r\n"
    foreach word $args {
        append message "\$[string length $word]\r\n$word\r\n"
    }
    try {
        if {$channel eq ""} {
            connect
        }
        puts -nonewline $channel $message
        return [answer]
    } on error {text options} {
        # What is left of an answer must not be taken for the next one.
        catch {close $channel}
        set channel ""
        return -options $options "redis: $text"
    }
}

proc redis::connect {} {
    variable channel
    variable host
    variable port
    variable deadline
    set channel [socket -async $host $port]
    fconfigure $channel -blocking 0 -translation binary -buffering full
    while {[fconfigure $channel -connecting]} {
        if {[clock milliseconds] > $deadline} {
            error "no connection in time"
        }
        after 1
    }
    set fault [fconfigure $channel -error]
    if {$fault ne ""} {
        error $fault
    }
}

# The server waits here, without its event loop: each answer belongs to the command before.
proc redis::take {count} {
    variable channel
    variable deadline
    flush $channel
    set bytes ""
    while {[string length [append bytes [read $channel [expr {$count - [string length $bytes]}]]]] < $count} {
        if {[eof $channel]} {
            error "it has closed the connection"
        }
        if {[clock milliseconds] > $deadline} {
            error "no answer in time"
        }
        after 1
    }
    return $bytes
}

proc redis::line {} {
    set line ""
    while {[string range $line end-1 end] ne "\r\n"} {
        append line [take 1]
        if {[string length $line] > 1000} {
            error "not an answer of Redis"
        }
    }
    return [string range $line 0 end-2]
}

proc redis::answer {} {
    set line [line]
    set rest [string range $line 1 end]
    switch -exact -- [string index $line 0] {
        + - : {
            return $rest
        }
        $ {
            if {$rest < 0} {
                return ""
            }
            return [string range [take [expr {$rest + 2}]] 0 end-2]
        }
        - {
            error $rest
        }
        default {
            error "not an answer of Redis"
        }
    }
}

# ---- the session store: get id, put id bytes timeout, delete id

proc store {verb id args} {
    set key tls-session:$id
    switch -exact -- $verb {
        get {
            return [redis::call GET $key]
        }
        put {
            lassign $args bytes timeout
            redis::call SET $key $bytes EX $timeout
        }
        delete {
            redis::call DEL $key
        }
    }
}

# Without Redis there is no resumption, and nothing worse.
proc complain {message options} {
    puts stderr $message
}
interp bgerror {} complain

# ---- the server

proc accept {channel address port} {
    fconfigure $channel -blocking 0 -buffering line
    fileevent $channel readable [list reply $channel]
}

proc reply {channel} {
    if {[catch {gets $channel line} length] || ($length < 0 && ([eof $channel] || [chan pending input $channel] > 8192))} {
        catch {close $channel}
    } elseif {$length >= 0} {
        set connection [tls::connection $channel]
        catch {puts $channel "[dict get $connection protocol] resumed [dict get $connection session_reused]"}
    }
}

set words [lsearch -all -inline -not -exact $argv -follow]
if {[llength $words] ni {3 4 5}} {
    puts stderr "usage: session-store-redis.tcl port certfile keyfile ?redis-host? ?redis-port? ?-follow?"
    exit 1
}
lassign $words port certfile keyfile host redisPort
if {$host ne ""} {
    set redis::host $host
}
if {$redisPort ne ""} {
    set redis::port $redisPort
}
set listener [tls::socket -server accept -certfile $certfile -keyfile $keyfile -session_store store $port]
puts [lindex [fconfigure $listener -sockname] 2]
flush stdout

# Ends with whoever started it.
if {"-follow" in $argv} {
    fileevent stdin readable {if {[gets stdin line] < 0 && [eof stdin]} exit}
}
vwait forever
