#!/usr/bin/env tclsh
# Lists the mails in an inbox: IMAP with TLS from the first byte (RFC 8314), by tcllib's imap4.
# The password is in the environment variable MAIL_PASSWORD.
package require tls 2
package require imap4

if {[llength $argv] != 4} {
    puts stderr "usage: imap-inbox.tcl host port ca-file|\"\" user"
    exit 1
}
lassign $argv host port ca user

# imap4 calls tls::socket without options: these are its defaults.
tls::init -cafile $ca
set imap4::use_ssl 1
set channel [imap4::open $host $port]
imap4::login $channel $user $env(MAIL_PASSWORD)
# Examine, unlike select, changes nothing.
imap4::examine $channel INBOX
set count [imap4::mboxinfo $channel exists]
if {$count > 0} {
    foreach mail [imap4::fetch $channel 1:$count -inline size from: subject:] {
        # What strangers have written is not for a terminal as it is.
        puts [format "%8d  %-30s %s" {*}[lmap field $mail {regsub -all {[[:cntrl:]]} [string trim $field] ?}]]
    }
}
imap4::logout $channel
