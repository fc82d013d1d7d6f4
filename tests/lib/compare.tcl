# This package or tcl-tls 1.7 with the defaults: see tests/peers/comparison.test. The words
# are those of compare.py, with the version to be loaded in front.
set words [lassign $argv version role]
package require -exact tls $version

# errorCode tells the reason, or nothing.
proc reason {code} {
    return [expr {[lindex $code 0] eq "TLS" ? [lindex $code 2] : "nothing"}]
}

proc connect {port cafile} {
    set options [expr {$cafile eq "" ? {} : [list -cafile $cafile]}]
    set channel [tls::socket {*}$options localhost $port]
    try {
        tls::handshake $channel
    } on error {message details} {
        return -options $details $message
    }
    return $channel
}

proc bgerror {message} {}

switch -exact -- $role {
    connect {
        try {
            connect {*}$words
            puts ok
        } on error {message details} {
            puts "refused [reason [dict get $details -errorcode]]"
        }
    }
    read {
        set channel [connect {*}$words]
        fconfigure $channel -translation binary
        # The one says it in a key, the other with an error.
        set isError [catch {read $channel}]
        set isCut [expr {![catch {dict get [tls::connection $channel] closed} closed] && $closed eq "truncated"}]
        puts [expr {$isError || $isCut ? "truncated" : "end"}]
    }
    serve {
        lassign $words certificate key
        proc accept {channel address port} {
            fconfigure $channel -blocking 0
            fileevent $channel writable [list answer $channel]
        }
        proc answer {channel} {
            catch {
                if {[tls::handshake $channel]} {
                    puts $channel ok
                    close $channel
                }
            } message details
            if {[dict get $details -code] == 1} {
                catch {close $channel}
            }
        }
        set listener [tls::socket -server accept -certfile $certificate -keyfile $key -myaddr 127.0.0.1 0]
        puts [lindex [fconfigure $listener -sockname] 2]
        flush stdout
        vwait forever
    }
}
exit
