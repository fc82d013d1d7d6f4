# Our side of a connection with a program of others, in a process of its own: see peers.tcl.
#
# A plan is a list of steps on one connection:
#   handshake          drive the handshake to its end
#   send file          all bytes of the file
#   receive count      so many bytes, kept
#   both file count    send and receive, at once where the mode is event
#   echo file          the same with a peer that sends everything back as it comes
#   line text          one line out
#   lines count        "line 1" and so on, 46 bytes each, each with its own puts
#   gets               one line in, into `lines`
#   head               lines in, up to an empty one
#   eof                receive until the end, kept
#   unimport           take TLS off
#   unimport-wait      the same, when the peer has said goodbye
#   import             put TLS on (again)
#   plain              (first) begin without TLS
#   pause ms           nothing
#   close              close; the peer must see a clean end
#   tell               one line to the parent, "ready"
#   hear               waits for a line of the parent
#   exit               no more than that, and no result

namespace eval ::peers {
    variable received ""
    variable sent 0
}

proc ::peers::Greet {options who} {
    set listener [tls::socket -server [list ::peers::GreetOne $who] {*}$options -myaddr 127.0.0.1 0]
    puts "port [support::Port $listener]"
    vwait forever
}

proc ::peers::GreetOne {who channel address port} {
    fconfigure $channel -blocking 0 -translation binary
    fileevent $channel writable [list ::peers::GreetNow $who $channel]
}

proc ::peers::GreetNow {who channel} {
    variable seen
    array unset seen
    try {
        if {![tls::handshake $channel]} {
            return
        }
        set ::peers::channel $channel
        Look
        if {$who eq "wait"} {
            fileevent $channel writable {}
            fileevent $channel readable [list ::peers::GreetEnd $channel [array get seen]]
            puts $channel hello
            flush $channel
            return
        }
        puts $channel hello
        puts [array get seen]
    } on error {message details} {
        puts [list error $message code [dict get $details -errorcode]]
    }
    catch {close $channel}
}

proc ::peers::GreetEnd {channel result} {
    if {[catch {read $channel} data]} {
        dict set result error $data
    } elseif {![eof $channel]} {
        return
    } else {
        dict set result closed [dict get [tls::connection $channel] closed]
    }
    puts $result
    catch {close $channel}
}

proc ::peers::Run {role mode options plan port} {
    set plan [binary decode base64 $plan]
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
        unimport-wait {
            Look
            if {$mode eq "blocking"} {
                tls::unimport $channel -wait 10000
            } else {
                tls::unimport $channel -command {apply {args {set ::peers::unimported $args}}}
                support::Wait ::peers::unimported
            }
        }
        pause {
            support::Sleep [lindex $args 0]
        }
        line {
            puts -nonewline $channel [lindex $args 0]\n
            flush $channel
        }
        lines {
            for {set i 1} {$i <= [lindex $args 0]} {incr i} {
                puts $channel [format "line %-40d" $i]
            }
        }
        exit {
            exit
        }
        tell {
            puts ready
        }
        hear {
            fconfigure stdin -blocking 1
            gets stdin
        }
        gets {
            set line ""
            support::Until {[gets $channel line] >= 0 || [eof $channel]}
            lappend seen(lines) [string trimright $line \r]
        }
        head {
            Step $role $mode $options gets
            while {[lindex $seen(lines) end] ne ""} {
                Step $role $mode $options gets
            }
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
        echo {
            set bytes [support::Read [lindex $args 0]]
            for {set from 0} {$from < [string length $bytes]} {incr from 16000} {
                set part [string range $bytes $from $from+15999]
                puts -nonewline $channel $part
                flush $channel
                append received [read $channel [string length $part]]
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
        echo {
            set out [support::Read [lindex $args 0]]
            set want [string length $out]
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
    support::Wait ::peers::done 90000
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
        puts -nonewline $channel [string range $out $sent $sent+65535]
        flush $channel
        incr sent 65536
        if {$sent >= [string length $out]} {
            fileevent $channel writable {}
            set out ""
            set sent 0
            # Only what the network has taken is sent.
            support::Until {[chan pending output $channel] == 0} 90000
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
