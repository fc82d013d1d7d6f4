# tls::init and tls::socket: the socket command with TLS on top (API section 2).
# Policy only; the work is done by tls::import.

namespace eval ::tls {
    # May be set before or after loading, to use another socket command.
    variable socketCmd
    if {![info exists socketCmd]} {
        set socketCmd ::socket
    }
    # What tls::init was given: options put in front of those of every tls::socket.
    variable defaults {}
}

# Takes apart the words of tls::socket: options of the socket, options of TLS, the
# command of -server, the value of -autoservername, and what is left. Called by the procedures that
# programs call: -context is a command where the program is, and gets its full name (also in "words").
proc ::tls::SplitOptions {words} {
    variable level
    set own {}
    set result [dict create socket {} tls {} command {} server 0 auto [expr {$level > 1}] rest {}]
    for {set i 0} {$i < [llength $words]} {incr i} {
        set word [lindex $words $i]
        if {$word eq "-async"} {
            dict lappend result socket $word
            continue
        }
        if {[string index $word 0] ne "-" || $word eq "-"} {
            break
        }
        if {$i + 1 >= [llength $words]} {
            if {$word ni {-myaddr -myport -type -server}} {
                CheckOptions $word
            }
            return -code error -errorcode [list TLS CONFIG $word "value for \"$word\" missing"] \
                "value for \"$word\" missing"
        }
        set value [lindex $words [incr i]]
        switch -exact -- $word {
            -myaddr - -myport - -type {
                dict set own $word $value
            }
            -server {
                dict set result server [expr {$value ne ""}]
                dict set result command $value
            }
            -autoservername {
                CheckOptions $word $value
                dict set result auto [expr {$value eq "" ? $level > 1 : bool($value)}]
            }
            -context {
                set full [uplevel 2 [list namespace which -command $value]]
                if {$full ne ""} {
                    lset words $i [set value $full]
                }
                dict lappend result tls $word $value
            }
            default {
                dict lappend result tls $word $value
            }
        }
    }
    # Empty is not given, as for all options; -type is nobody's here.
    dict for {word value} $own {
        if {$value ne "" || $word eq "-type"} {
            dict lappend result socket $word $value
        }
    }
    dict set result words $words
    dict set result rest [lrange $words $i end]
    return $result
}

# Sets default options for later tls::socket calls; without any, clears them.
proc ::tls::init {args} {
    variable defaults
    set parts [SplitOptions $args]
    if {[llength [dict get $parts rest]]} {
        CheckOptions {*}[dict get $parts rest]
    }
    set options [dict get $parts tls]
    CheckOptions {*}$options
    if {[LastOption $options -context] ne ""} {
        foreach {option value} $options {
            if {$value ne "" && [IsShared $option]} {
                set message "\"$option\" cannot be given beside \"-context\""
                return -code error -errorcode [list TLS CONFIG $option $message] $message
            }
        }
    }
    set defaults [dict get $parts words]
    return
}

# The last value of an option in a list of options; "" if it is not there.
proc ::tls::LastOption {options name} {
    set result ""
    foreach {option value} $options {
        if {$option eq $name} {
            set result $value
        }
    }
    return $result
}

# The defaults of tls::init that go with these options: a context brings its own
# configuration along.
proc ::tls::DefaultsFor {options} {
    variable defaults
    if {[LastOption $options -context] eq ""} {
        return $defaults
    }
    set result {}
    for {set i 0} {$i < [llength $defaults]} {incr i} {
        set word [lindex $defaults $i]
        if {$word eq "-async"} {
            lappend result $word
            continue
        }
        incr i
        if {![IsShared $word]} {
            lappend result $word [lindex $defaults $i]
        }
    }
    return $result
}

# Like the socket command, with TLS on the channel.
proc ::tls::socket {args} {
    variable defaults
    set parts [SplitOptions $args]
    if {[llength $defaults]} {
        set parts [SplitOptions [concat [DefaultsFor [dict get $parts tls]] [dict get $parts words]]]
    }
    if {[dict get $parts server]} {
        if {[llength [dict get $parts rest]] != 1} {
            return -code error -errorcode {TCL WRONGARGS} \
                "wrong # args: should be \"tls::socket -server command ?options? port\""
        }
        return [Listen $parts]
    }
    if {[llength [dict get $parts rest]] != 2} {
        return -code error -errorcode {TCL WRONGARGS} \
            "wrong # args: should be \"tls::socket ?options? host port\""
    }
    return [Connect $parts]
}

# True if ::socket is Tcl's own, as far as that shows: nothing else that a program has put in its place.
if {[package vsatisfies [package provide Tcl] 9-]} {
    proc ::tls::IsOwnSocket {} {
        return [expr {[info cmdtype ::socket] eq "native"}]
    }
} else {
    proc ::tls::IsOwnSocket {} {
        return [expr {
            ![llength [info procs ::socket]] && [interp alias {} ::socket] eq "" && [interp alias {} socket] eq "" &&
            ![namespace ensemble exists ::socket] && ![info object isa object ::socket]
        }]
    }
}

# Words for the socket command. It binds our end to the wildcard address, but has the resolver
# sort those of both families before, for each connection; a literal address tells the family.
# A command in its place is not told more than the program said.
proc ::tls::SocketWords {options host} {
    variable socketCmd
    set isAddress [regexp {^(?:(?:[0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])(?:\.(?!$)|$)){4}$} $host]
    if {$isAddress && "-myaddr" ni $options && $socketCmd eq "::socket" && [IsOwnSocket]} {
        lappend options -myaddr 0.0.0.0
    }
    return [list {*}$socketCmd {*}$options]
}

# A bad option, or a configuration that cannot be built, is an error before there is
# a socket. What is built here is what the import finds in the cache.
proc ::tls::Connect {parts} {
    variable socketCmd
    variable level
    lassign [dict get $parts rest] host port
    set options [dict get $parts tls]
    if {[LastOption $options -servername] eq "" && [dict get $parts auto] && $host ne ""} {
        lappend options -servername $host
    }
    if {[string is true -strict [LastOption $options -resume]] && [LastOption $options -session_peer] eq ""} {
        lappend options -session_peer $host:$port
    }
    set name ""
    if {$level > 1 && [LastOption $options -servername] eq "" && [LastOption $options -verifyname] eq ""} {
        set name $host
    }
    if {[Prepare $name {*}$options] && $name ne ""} {
        lappend options -verifyname [list $name]
    }
    set channel [uplevel #0 [list {*}[SocketWords [dict get $parts socket] $host] $host $port]]
    if {[catch {::tls::import $channel {*}$options} message details]} {
        catch {close $channel}
        return -options [dict incr details -level] $message
    }
    return $channel
}

# A listener whose identity cannot be used must not come up.
proc ::tls::Listen {parts} {
    variable socketCmd
    set options [dict get $parts tls]
    Prepare "" {*}$options -server 1
    return [uplevel #0 [list {*}$socketCmd -server [list ::tls::Accept $options [dict get $parts command]] \
        {*}[dict get $parts socket] [lindex [dict get $parts rest] 0]]]
}

# One connection of a listener: TLS is stacked, the handshake not yet done. Whatever
# goes wrong ends this connection alone and is reported in the background.
proc ::tls::Accept {options command channel address port} {
    set code [catch {
        ::tls::import $channel {*}$options -server 1
        uplevel #0 [list {*}$command $channel $address $port]
    } message details]
    if {$code == 1} {
        catch {close $channel}
        return -options [dict incr details -level] $message
    }
    return
}
