# Several processes behind a balancer: tclsh preforked-server.tcl port certfile keyfile ?workers?
# This program starts the workers, and haproxy in front of them, which passes TCP on as it is: TLS
# ends in the workers. They get the same ticket keys, so that a client's session is resumed
# by whichever worker it meets; every hour a new key becomes the first one, and the older ones
# still open what they have sealed. Each line comes back in capital letters behind the number of
# the worker. Everything ends when the standard input does.

proc worker {number certfile keyfile} {
    package require tls 2
    set ::number $number
    set ::context [tls::context new -certfile $certfile -keyfile $keyfile]
    # The keys come by the pipe: nothing else sees them.
    keys
    set listener [tls::socket -server accept -context $::context -handshaketimeout 10000 -myaddr 127.0.0.1 0]
    puts [lindex [fconfigure $listener -sockname] 2]
    flush stdout
    fileevent stdin readable keys
    vwait forever
}

proc keys {} {
    if {[gets stdin line] < 0} {
        exit
    }
    $::context ticketkeys [lmap key $line {binary decode hex $key}]
}

proc accept {channel address port} {
    fconfigure $channel -blocking 0 -buffering line -translation {auto lf} -encoding utf-8
    fileevent $channel readable [list answer $channel]
}

# What is wrong with one client must not disturb the others.
proc answer {channel} {
    if {[catch {gets $channel line} length] || ($length < 0 && ([eof $channel] || [chan pending input $channel] > 8192))} {
        catch {close $channel}
    } elseif {$length >= 0} {
        puts $channel "$::number [string toupper $line]"
    }
}

# ---- the program that starts them

proc new_key {} {
    set random [open /dev/urandom rb]
    set key [read $random 80]
    close $random
    return [binary encode hex $key]
}

# The newest key first; three generations.
proc rotate {} {
    set ::keys [lrange [linsert $::keys 0 [new_key]] 0 2]
    foreach worker $::workers {
        # One that has ended does not keep the others from theirs.
        catch {puts $worker $::keys}
    }
    after 3600000 rotate
}

proc balancer {port ports} {
    set text "global\n    maxconn 4000\ndefaults\n    mode tcp\n    timeout connect 5s\n"
    append text "    timeout client 60s\n    timeout server 60s\n"
    append text "frontend tls\n    bind :$port\n    default_backend workers\n"
    append text "backend workers\n    balance roundrobin\n"
    foreach each $ports {
        append text "    server worker$each 127.0.0.1:$each\n"
    }
    set file [file tempfile path]
    puts -nonewline $file $text
    close $file
    # Its standard input ends with us; -db keeps it in the foreground.
    set pid [exec haproxy -db -q -f $path 2>@stderr &]
    after 2000 [list file delete $path]
    return $pid
}

proc main {port certfile keyfile count} {
    set ::keys {}
    set ::workers {}
    for {set number 1} {$number <= $count} {incr number} {
        set worker [open |[list [info nameofexecutable] $::argv0 worker $number $certfile $keyfile 2>@stderr] r+]
        fconfigure $worker -buffering line
        lappend ::workers $worker
    }
    rotate
    set ports [lmap worker $::workers {gets $worker}]
    if {"" in $ports} {
        # It has said why.
        exit 1
    }
    set pid [balancer $port $ports]
    puts "listening on port $port, workers on $ports"
    flush stdout
    fileevent stdin readable {if {[gets stdin line] < 0 && [eof stdin]} {set ::done 1}}
    vwait ::done
    catch {exec kill $pid}
    foreach worker $::workers {
        catch {close $worker}
    }
}

if {[lindex $argv 0] eq "worker"} {
    worker {*}[lrange $argv 1 end]
} elseif {[llength $argv] in {3 4}} {
    lassign $argv port certfile keyfile count
    main $port $certfile $keyfile [expr {$count eq "" ? 2 : $count}]
} else {
    puts stderr "usage: preforked-server.tcl port certfile keyfile ?workers?"
    exit 1
}
