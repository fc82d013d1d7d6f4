# A server that uses several processors: tclsh threaded-server.tcl port certfile keyfile ?workers?
# One thread accepts; it hands each plain socket to one of the workers, and TLS begins there,
# so that the costly part of a handshake is done where there is time for it. All threads share
# one configuration: a session begun with one worker is resumed by any other. Each line comes
# back in capital letters behind the number of the worker. Port 0 takes a free one; it is printed.

package require Thread

lassign $argv port certfile keyfile count
if {$keyfile eq ""} {
    puts stderr "usage: threaded-server.tcl port certfile keyfile ?workers?"
    exit 1
}
if {$count eq ""} {
    set count 2
}

# What a worker runs.
set program {
    package require tls 2

    proc serve {channel} {
        thread::attach $channel
        if {[catch {
            tls::import $channel -server 1 -certfile $::certfile -keyfile $::keyfile -handshaketimeout 10000
            fconfigure $channel -blocking 0 -buffering line -translation {auto lf} -encoding utf-8
            fileevent $channel readable [list answer $channel]
        } message]} {
            puts stderr "worker $::number: $message"
            catch {close $channel}
        }
    }

    # What is wrong with one client must not disturb the others.
    proc answer {channel} {
        if {[catch {gets $channel line} length] || ($length < 0 && ([eof $channel] || [chan pending input $channel] > 8192))} {
            catch {close $channel}
        } elseif {$length >= 0} {
            puts $channel "$::number [string toupper $line]"
        }
    }
}

for {set number 1} {$number <= $count} {incr number} {
    set settings [list [list set auto_path $auto_path] [list set number $number] \
        [list set certfile $certfile] [list set keyfile $keyfile]]
    set worker [thread::create]
    thread::send $worker [join $settings \n]
    thread::send $worker $program
    lappend workers $worker
}

# The channel still belongs to the core while the accept command runs: hand it on afterwards.
proc accept {channel address port} {
    after 0 [list hand_on $channel]
}

proc hand_on {channel} {
    global workers
    set workers [lassign $workers worker]
    lappend workers $worker
    thread::detach $channel
    thread::send -async $worker [list serve $channel]
}

set listener [socket -server accept $port]
puts [lindex [fconfigure $listener -sockname] 2]
flush stdout
vwait forever
