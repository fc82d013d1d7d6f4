# A transport for tests: two reflected channels, joined in memory, that misbehave as told.
# Nothing happens by itself and no time passes: what one end writes, the other can read at once.
#
#   transport::Pair ?option value ...?   {x y}: two channels
#   transport::Set channel name value    changes an option of what that end receives or sends
#   transport::Count channel             bytes that have been delivered to that end so far
#   transport::Sent channel              bytes that this end has sent so far
#   transport::Recorded channel          those bytes, with -record 1
#   transport::Vanish channel            the end of the stream, for the other end
#
# Options, for both ends at once in Pair, for one in Set (0 or empty: off):
#   reads      bytes that one read gives at most
#   writes     bytes that one write takes at most
#   stutter    EAGAIN before each read and write that works
#   cut        after so many bytes delivered to this end: end of the stream
#   flip       the byte at this offset of what is delivered arrives with a bit turned (-1: off)
#   fail       {offset errno}: reading fails so, once that many bytes were delivered
#   failwrite  {offset errno}: writing fails so, once that many bytes were sent
#   room       so many bytes fit in between; more is EAGAIN
#   record     keep what was delivered

namespace eval ::transport {
    variable defaults {reads 0 writes 0 stutter 0 cut -1 flip -1 fail {} failwrite {} room 0 record 0}
    variable end
    namespace export initialize finalize watch read write blocking
    # The prefix of an end is "Driver number"; Tcl appends method, channel and the rest.
    namespace ensemble create -command ::transport::Driver -parameters self
    variable serial 0
    variable errno {EAGAIN 11 EIO 5 EPIPE 32 ECONNRESET 104 ETIMEDOUT 110 EHOSTUNREACH 113 ENOBUFS 105}
}

proc ::transport::initialize {self channel mode} {
    return {initialize finalize watch read write blocking}
}

proc ::transport::blocking {self channel mode} {
}

proc ::transport::Pair {args} {
    variable defaults
    variable end
    variable serial
    set x [incr serial]
    set y [incr serial]
    foreach {self other} [list $x $y $y $x] {
        set end($self) [dict merge $defaults $args {in "" got 0 sent 0 all "" mask {} timer {} open 1 gone 0 turn 0} \
            [list other $other]]
    }
    foreach self [list $x $y] {
        set channel [chan create {read write} [list ::transport::Driver $self]]
        dict set end($self) channel $channel
        fconfigure $channel -blocking 0 -translation binary -buffering none
        lappend result $channel
    }
    return $result
}

# The end that a channel name belongs to; TLS on top keeps the name.
proc ::transport::Of {channel} {
    variable end
    foreach self [array names end] {
        if {[dict get $end($self) channel] eq $channel} {
            return $self
        }
    }
    return -code error "no transport: $channel"
}

proc ::transport::Set {channel name value} {
    variable end
    set self [Of $channel]
    dict set end($self) $name $value
    Post $self
}

proc ::transport::Count {channel} {
    variable end
    return [dict get $end([Of $channel]) got]
}

proc ::transport::Sent {channel} {
    variable end
    return [dict get $end([Of $channel]) sent]
}

proc ::transport::Recorded {channel} {
    variable end
    return [dict get $end([Of $channel]) all]
}

proc ::transport::Vanish {channel} {
    variable end
    set other [dict get $end([Of $channel]) other]
    if {[info exists end($other)]} {
        dict set end($other) gone 1
        Post $other
    }
}

proc ::transport::finalize {self channel} {
    variable end
    set other [dict get $end($self) other]
    after cancel [dict get $end($self) timer]
    unset end($self)
    if {[info exists end($other)]} {
        dict set end($other) gone 1
        Post $other
    }
}

# ---- reading and writing

proc ::transport::Fail {name} {
    variable errno
    if {$name eq "EAGAIN"} {
        return -level 2 -code error EAGAIN
    }
    return -level 2 -code error -[dict get $errno $name]
}

# True for every other call: an EAGAIN between any two that work.
proc ::transport::Stutters {self} {
    variable end
    if {![dict get $end($self) stutter]} {
        return 0
    }
    dict set end($self) turn [expr {![dict get $end($self) turn]}]
    return [dict get $end($self) turn]
}

# How many bytes may still be delivered; -1: no limit.
proc ::transport::Left {self name} {
    variable end
    set limit [lindex [dict get $end($self) $name] 0]
    if {$limit eq "" || $limit < 0} {
        return -1
    }
    return [expr {max(0, $limit - [dict get $end($self) [expr {$name eq "failwrite" ? "sent" : "got"}]])}]
}

proc ::transport::read {self channel count} {
    variable end
    set ready [string length [dict get $end($self) in]]
    foreach name {cut fail} {
        set left [Left $self $name]
        if {$left == 0} {
            if {$name eq "cut"} {
                return ""
            }
            Fail [lindex [dict get $end($self) fail] 1]
        }
        if {$left > 0} {
            set ready [expr {min($ready, $left)}]
        }
    }
    if {$ready == 0} {
        if {[dict get $end($self) gone]} {
            return ""
        }
        Fail EAGAIN
    }
    if {[Stutters $self]} {
        Fail EAGAIN
    }
    set most [dict get $end($self) reads]
    set count [expr {min($count, $ready, $most > 0 ? $most : $count)}]
    set bytes [string range [dict get $end($self) in] 0 $count-1]
    dict set end($self) in [string range [dict get $end($self) in] $count end]
    set bytes [Flip $self $bytes]
    dict incr end($self) got $count
    if {[dict get $end($self) record]} {
        dict append end($self) all $bytes
    }
    Post [dict get $end($self) other]
    return $bytes
}

proc ::transport::Flip {self bytes} {
    variable end
    set at [expr {[dict get $end($self) flip] - [dict get $end($self) got]}]
    if {[dict get $end($self) flip] < 0 || $at < 0 || $at >= [string length $bytes]} {
        return $bytes
    }
    binary scan [string index $bytes $at] cu byte
    return [binary format a*ca* [string range $bytes 0 $at-1] [expr {$byte ^ 0x10}] [string range $bytes $at+1 end]]
}

proc ::transport::write {self channel bytes} {
    variable end
    set other [dict get $end($self) other]
    if {![info exists end($other)]} {
        Fail EPIPE
    }
    set count [string length $bytes]
    set left [Left $self failwrite]
    if {$left == 0} {
        Fail [lindex [dict get $end($self) failwrite] 1]
    }
    if {$left > 0} {
        set count [expr {min($count, $left)}]
    }
    if {[set room [dict get $end($self) room]] > 0} {
        set count [expr {min($count, $room - [string length [dict get $end($other) in]])}]
    }
    if {$count <= 0 || [Stutters $self]} {
        Fail EAGAIN
    }
    set most [dict get $end($self) writes]
    set count [expr {min($count, $most > 0 ? $most : $count)}]
    dict append end($other) in [string range $bytes 0 $count-1]
    dict incr end($self) sent $count
    Post $other
    return $count
}

# ---- events

proc ::transport::watch {self channel mask} {
    variable end
    dict set end($self) mask $mask
    Post $self
}

# What would come without waiting, of what is watched.
proc ::transport::Ready {self} {
    variable end
    set ready {}
    set mask [dict get $end($self) mask]
    if {"read" in $mask && ([dict get $end($self) in] ne "" || [dict get $end($self) gone]
            || [Left $self cut] == 0 || [Left $self fail] == 0)} {
        lappend ready read
    }
    if {"write" in $mask} {
        set room [dict get $end($self) room]
        set other [dict get $end($self) other]
        if {$room == 0 || ![info exists end($other)] || [string length [dict get $end($other) in]] < $room} {
            lappend ready write
        }
    }
    return $ready
}

proc ::transport::Post {self} {
    variable end
    if {![info exists end($self)] || [dict get $end($self) timer] ne "" || ![llength [Ready $self]]} {
        return
    }
    dict set end($self) timer [after 0 [list ::transport::Deliver $self]]
}

proc ::transport::Deliver {self} {
    variable end
    if {![info exists end($self)]} {
        return
    }
    dict set end($self) timer {}
    set ready [Ready $self]
    if {[llength $ready]} {
        chan postevent [dict get $end($self) channel] $ready
    }
    Post $self
}
