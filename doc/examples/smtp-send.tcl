#!/usr/bin/env tclsh
# Sends a mail, read from stdin, by SMTP with STARTTLS (RFC 3207). With a user's name the
# password is in the environment variable MAIL_PASSWORD.
package require tls 2

if {[llength $argv] ni {5 6}} {
    puts stderr "usage: smtp-send.tcl host port ca-file|\"\" from to ?user?"
    exit 1
}
lassign $argv host port ca from to user

# The lines of a reply (RFC 5321 4.2.1); another code than the one that is hoped for is an error.
proc reply {channel code} {
    while {[gets $channel line] >= 0 && [string index $line 3] eq "-"} {
        lappend lines $line
    }
    if {![string match $code* $line]} {
        error "the server says: $line"
    }
    return [lappend lines $line]
}

proc say {channel text code} {
    puts $channel $text
    flush $channel
    return [reply $channel $code]
}

set channel [socket $host $port]
fconfigure $channel -translation crlf -encoding utf-8
reply $channel 220
if {[lsearch -nocase -glob [say $channel "EHLO [info hostname]" 250] 250?STARTTLS] < 0} {
    error "the server offers no STARTTLS"
}
say $channel STARTTLS 220

# The name is checked: without -servername any certificate of any trusted CA would do.
tls::import $channel -servername $host -cafile $ca
tls::handshake $channel
# What was said in the clear does not count.
say $channel "EHLO [info hostname]" 250
if {$user ne ""} {
    say $channel "AUTH PLAIN [binary encode base64 [encoding convertto utf-8 "\0$user\0$env(MAIL_PASSWORD)"]]" 235
}
say $channel "MAIL FROM:<$from>" 250
say $channel "RCPT TO:<$to>" 25
say $channel DATA 354
while {[gets stdin line] >= 0} {
    # A dot alone would end the mail.
    puts $channel [regsub {^\.} $line ..]
}
say $channel . 250
puts "sent over [dict get [tls::connection $channel] protocol]"
say $channel QUIT 221
close $channel
