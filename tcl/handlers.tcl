# Reference handlers for -command, -password and -validatecommand (API section 2),
# and how a password callback is called whatever words it takes.

namespace eval ::tls {
    # 0: errors and refusals, 1: decisions too, 2: everything.
    variable debug
    if {![info exists debug]} {
        set debug 0
    }
    # A command prefix that gets one message.
    variable logcmd
    if {![info exists logcmd]} {
        set logcmd tclLog
    }
    # Channels of which tls::callback has noted something.
    variable noted {}
}

proc ::tls::log {level message} {
    variable debug
    variable logcmd
    if {$level > $debug || $logcmd eq ""} {
        return
    }
    uplevel #0 [list {*}$logcmd $message]
}

# For -command: logs what it is told. Certificates are left to the library's verdict. How
# far a connection is stands in an array of the channel's name in this namespace, as
# programs of the 1.x line read it: handshake(start, done), connect, accept, alert.
proc ::tls::callback {option args} {
    switch -exact -- $option {
        error {
            lassign $args channel message
            log 0 "TLS/$channel: error: $message"
        }
        info {
            lassign $args channel major minor message type
            log 2 "TLS/$channel: $major/$minor: $message"
            Progress $channel $major $minor
        }
        message {
            lassign $args channel direction version type message
            log 2 "TLS/$channel: $direction $version $type: $message"
        }
        session {
            lassign $args channel id ticket lifetime
            log 1 "TLS/$channel: session ticket, lifetime $lifetime s"
        }
        verify {
            return [validate_command $option {*}$args]
        }
        default {
            return -code error "bad option \"$option\": must be one of error, info, message, session, or verify"
        }
    }
    return
}

# Notes how far a connection is; forgets channels that are gone, once there are many.
proc ::tls::Progress {channel major minor} {
    variable noted
    upvar #0 ::tls::$channel progress
    if {![info exists progress] && [lappend noted $channel; llength $noted] > 100} {
        set left {}
        foreach name $noted {
            if {[chan names $name] eq ""} {
                unset -nocomplain ::tls::$name
            }
            if {[info exists ::tls::$name] || $name eq $channel} {
                lappend left $name
            }
        }
        set noted $left
    }
    set progress($major) $minor
}

# For -validatecommand: goes by the library's verdict. With ::tls::debug above 0 it
# accepts an invalid certificate, and says so.
proc ::tls::validate_command {option args} {
    variable debug
    switch -exact -- $option {
        alpn {
            lassign $args channel protocol match
            log 1 "TLS/$channel: alpn: $protocol, match $match"
            return $match
        }
        hello {
            lassign $args channel servername
            log 1 "TLS/$channel: hello: $servername"
        }
        sni {
            lassign $args channel servername
            log 1 "TLS/$channel: sni: $servername"
        }
        verify {
            lassign $args channel depth certificate status error
            if {$status == 1} {
                log 2 "TLS/$channel: verify $depth: [dict get $certificate subject]: ok"
            } elseif {$debug > 0} {
                log 1 "TLS/$channel: verify $depth: [dict get $certificate subject]: $error: accepted all the same"
                return 1
            } else {
                log 0 "TLS/$channel: verify $depth: [dict get $certificate subject]: $error"
            }
            return $status
        }
        default {
            return -code error "bad option \"$option\": must be one of alpn, hello, sni, or verify"
        }
    }
    return 1
}

# For -password, and where none is given. Programs redefine it.
proc ::tls::password {{option password} {rwflag 0} {size 0}} {
    return secret
}

# Calls a -password prefix with the words of API 4.2, or without any where it takes
# none (the 1.7 style).
proc ::tls::AskPassword {prefix rwflag size} {
    set words [list password $rwflag $size]
    set name [uplevel #0 [list namespace which -command [lindex $prefix 0]]]
    if {$name ne "" && [llength [info procs $name]]} {
        set formals [info args $name]
        set extra [expr {[llength $prefix] - 1}]
        if {[lindex $formals end] ne "args" && [llength $formals] < $extra + 3} {
            return [uplevel #0 $prefix]
        }
        return [uplevel #0 [list {*}$prefix {*}$words]]
    }
    set code [catch {uplevel #0 [list {*}$prefix {*}$words]} answer details]
    if {$code == 1 && [string match "TCL WRONGARGS*" [dict get $details -errorcode]]} {
        return [uplevel #0 $prefix]
    }
    return -options $details $answer
}
