# A Tcl program under measurement, the counterpart of peer.c: the same words, the same
# output. How it gets its channels is the first word: a directory with the package (on
# its auto_path), a version of an installed tls package, or "plain" for no TLS.
#
#   tclsh subject.tcl HOW server cert key        blocking, one connection at a time
#   tclsh subject.tcl HOW events cert key        event-driven
#   tclsh subject.tcl HOW client port ca task count bytes version resume
#
# From the environment: BENCH_SETTINGS, words for fconfigure of each channel; BENCH_FILE, a
# file: bulk data comes from it and goes to a copy beside it, by fcopy; BENCH_NAMES, a number:
# the server has so many names, each with the same context.

proc LoadTls {how} {
    if {$how eq "plain"} {
        return
    }
    if {[string match {[0-9]*} $how]} {
        package require -exact tls $how
    } else {
        set ::auto_path [linsert $::auto_path 0 $how]
        package require -exact tls 2.1.0
    }
}

proc Listen {how command certificate key} {
    if {$how eq "plain"} {
        return [socket -server $command -myaddr 127.0.0.1 0]
    }
    if {[info exists ::env(BENCH_NAMES)]} {
        return [tls::socket -server $command -context [Named $::env(BENCH_NAMES) $certificate $key] -myaddr 127.0.0.1 0]
    }
    return [tls::socket -server $command -certfile $certificate -keyfile $key -request 0 -myaddr 127.0.0.1 0]
}

# A context with so many names, the last of them the one that the client asks for.
proc Named {count certificate key} {
    set options [list -certfile $certificate -keyfile $key -request 0]
    set context [tls::context new {*}$options]
    set other [tls::context new {*}$options]
    for {set i 1} {$i < $count} {incr i} {
        $context sni set name$i.example.org $other
    }
    $context sni set localhost $other
    return $context
}

# Bulk data out and in by fcopy, where BENCH_FILE says so; true if it was done.
proc CopyOut {channel bytes} {
    if {$::bulk eq ""} {
        return 0
    }
    set file [open $::bulk rb]
    fcopy $file $channel -size $bytes
    close $file
    return 1
}

proc CopyIn {channel bytes} {
    if {$::bulk eq ""} {
        return 0
    }
    set file [open $::bulk.copy wb]
    set got [fcopy $channel $file -size $bytes]
    close $file
    if {$got != $bytes} {
        error "truncated"
    }
    return 1
}

# Writes 64 KiB, or what is left of them; returns how many bytes.
proc Block {channel left} {
    if {$left >= 65536} {
        puts -nonewline $channel $::block
        return 65536
    }
    puts -nonewline $channel [string range $::block 0 $left-1]
    return $left
}

# ---- the server, blocking: one connection after the other, as peer.c

proc Accept {channel address port} {
    fconfigure $channel -translation binary -buffering full {*}$::settings
    catch {
        while {[gets $channel line] >= 0} {
            Answer $channel {*}$line
        }
    }
    catch {close $channel}
}

proc Answer {channel task bytes} {
    switch -exact -- $task {
        d {
            while {$bytes > 0 && ![CopyOut $channel $bytes]} {
                incr bytes -[Block $channel $bytes]
            }
        }
        u {
            while {$bytes > 0 && ![CopyIn $channel $bytes]} {
                incr bytes -[string length [read $channel [expr {min($bytes, 1048576)}]]]
            }
            puts $channel ok
        }
        p {
            while {[incr bytes -1] >= 0 && [gets $channel line] >= 0} {
                puts $channel $line
                flush $channel
            }
        }
        default {
            puts $channel ok
        }
    }
    flush $channel
}

# ---- the server, event-driven: any number of connections

proc AcceptEvents {channel address port} {
    fconfigure $channel -blocking 0 -translation binary -buffering full {*}$::settings
    fileevent $channel readable [list Command $channel]
}

proc Command {channel} {
    if {[catch {gets $channel line} length] || ($length < 0 && [eof $channel])} {
        catch {close $channel}
        return
    }
    if {$length < 0} {
        return
    }
    lassign $line task bytes
    switch -exact -- $task {
        d {
            set ::left($channel) $bytes
            fileevent $channel readable {}
            fileevent $channel writable [list Give $channel]
        }
        u {
            set ::left($channel) $bytes
            fileevent $channel readable [list Take $channel]
        }
        p {
            set ::left($channel) $bytes
            fconfigure $channel -buffering line
            fileevent $channel readable [list Echo $channel]
        }
        default {
            puts $channel ok
            flush $channel
        }
    }
}

proc Give {channel} {
    if {[incr ::left($channel) -[Block $channel $::left($channel)]] <= 0} {
        flush $channel
        fileevent $channel writable {}
        fileevent $channel readable [list Command $channel]
    }
}

proc Take {channel} {
    set got [string length [read $channel [expr {min($::left($channel), 1048576)}]]]
    if {[incr ::left($channel) -$got] <= 0} {
        puts $channel ok
        flush $channel
        fileevent $channel readable [list Command $channel]
    } elseif {[eof $channel]} {
        close $channel
    }
}

proc Echo {channel} {
    if {[gets $channel line] < 0} {
        if {[eof $channel]} {
            close $channel
        }
        return
    }
    puts $channel $line
    if {[incr ::left($channel) -1] <= 0} {
        fileevent $channel readable [list Command $channel]
    }
}

# ---- client: blocking, as the peer's

proc Connect {how port ca version} {
    if {$how eq "plain"} {
        set channel [socket 127.0.0.1 $port]
    } elseif {[string match {[12].*} $how]} {
        set channel [tls::socket -cafile $ca -require 1 -request 1 -servername localhost \
            -tls1 0 -tls1.1 0 -tls1.2 [expr {$version eq "tls1.2"}] -tls1.3 [expr {$version eq "tls1.3"}] 127.0.0.1 $port]
    } else {
        set channel [tls::socket {*}$::options 127.0.0.1 $port]
    }
    fconfigure $channel -translation binary -buffering full {*}$::settings
    return $channel
}

proc Task {channel task bytes} {
    puts $channel "$task $bytes"
    flush $channel
    switch -exact -- $task {
        d {
            while {$bytes > 0 && ![CopyIn $channel $bytes]} {
                set got [string length [read $channel [expr {min($bytes, 1048576)}]]]
                if {$got == 0} {
                    error "truncated"
                }
                incr bytes -$got
            }
            return
        }
        p {
            for {set i 0} {$i < $bytes} {incr i} {
                puts $channel 12345
                flush $channel
                if {[gets $channel] ne "12345"} {
                    error "truncated"
                }
            }
            return
        }
        u {
            while {$bytes > 0 && ![CopyOut $channel $bytes]} {
                incr bytes -[Block $channel $bytes]
            }
            flush $channel
        }
    }
    if {[gets $channel] ne "ok"} {
        error "no answer"
    }
}

# Seconds of all threads: Tcl's notifier may have one.
proc Cpu {} {
    set nanoseconds 0
    foreach name [glob /proc/self/task/*/schedstat] {
        set file [open $name]
        incr nanoseconds [lindex [gets $file] 0]
        close $file
    }
    return [expr {$nanoseconds / 1e9}]
}

# What is loaded once (code, trust) is not the cost of a connection; peer.c and subject.py
# have it before their clocks, too. Here a socket with the same options, which speaks with
# nobody, loads it.
proc Prepare {} {
    set listener [socket -server {apply {{channel args} {close $channel}}} -myaddr 127.0.0.1 0]
    close [tls::socket -async {*}$::options 127.0.0.1 [lindex [fconfigure $listener -sockname] 2]]
    close $listener
}

proc Client {how port ca task count bytes version resume} {
    set resumed 0
    set ::options [list -cafile $ca -servername localhost -minversion $version -maxversion $version]
    if {$resume} {
        lappend ::options -resume 1
    }
    # 1.x and 2.0 load trust and identity for each connection.
    if {$how ne "plain" && ![string match {[0-9]*} $how]} {
        Prepare
    }
    set start [clock microseconds]
    set cpu [Cpu]
    for {set i 0} {$i < $count} {incr i} {
        set channel [Connect $how $port $ca $version]
        Task $channel $task $bytes
        if {$resume && [dict get [tls::connection $channel] session_reused]} {
            incr resumed
        }
        close $channel
    }
    puts [format "%.6f %.6f %d" [expr {([clock microseconds] - $start) / 1e6}] [expr {[Cpu] - $cpu}] $resumed]
}

# ---- what was asked for

set settings {}
if {[info exists env(BENCH_SETTINGS)]} {
    set settings $env(BENCH_SETTINGS)
}
# Here once: each look at env goes through the whole environment.
set bulk ""
if {[info exists env(BENCH_FILE)]} {
    set bulk $env(BENCH_FILE)
}
# Bytes, as what is read from a file is.
set block [binary format a* [string repeat "0123456789abcdef" 4096]]
set argv [lassign $argv how what]
LoadTls $how
switch -exact -- $what {
    server - events {
        set listener [Listen $how [expr {$what eq "events" ? "AcceptEvents" : "Accept"}] {*}$argv]
        puts [lindex [fconfigure $listener -sockname] 2]
        flush stdout
        fileevent stdin readable exit
        vwait forever
    }
    client {
        Client $how {*}$argv
    }
}
