# A relay that counts TLS records (RFC 8446 5.1): tclsh records.tcl port. Prints its own port,
# then for its one connection: records and bytes from the client, records and bytes to it.

lassign $argv target

proc Accept {client address port} {
    set server [socket 127.0.0.1 $::target]
    foreach {from to} [list $client $server $server $client] {
        fconfigure $from -blocking 0 -translation binary -buffering none
        array set ::count [list $from,records 0 $from,bytes 0 $from,rest 0 $from,head {}]
        fileevent $from readable [list Pass $from $to $client $server]
    }
}

proc Pass {from to client server} {
    set data [read $from 65536]
    Count $from $data
    if {[catch {
        fconfigure $to -blocking 1
        puts -nonewline $to $data
        fconfigure $to -blocking 0
    }] || [eof $from]} {
        puts "$::count($client,records) $::count($client,bytes) $::count($server,records) $::count($server,bytes)"
        exit
    }
}

# Goes from header to header: type, version, length.
proc Count {from data} {
    set length [string length $data]
    incr ::count($from,bytes) $length
    set at $::count($from,rest)
    if {$::count($from,head) ne ""} {
        set data $::count($from,head)$data
        set length [string length $data]
        set at 0
        set ::count($from,head) ""
    }
    while {$at + 5 <= $length} {
        binary scan [string range $data $at+3 $at+4] Su size
        incr ::count($from,records)
        incr at [expr {5 + $size}]
    }
    if {$at < $length} {
        set ::count($from,head) [string range $data $at end]
        set at $length
    }
    set ::count($from,rest) [expr {$at - $length}]
}

set listener [socket -server Accept -myaddr 127.0.0.1 0]
puts [lindex [fconfigure $listener -sockname] 2]
flush stdout
vwait forever
