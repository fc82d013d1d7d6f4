# A program: a TCP connection to that address and port. What comes on stdin goes out there, what comes there to stdout.

lassign $argv address port
set channel [socket $address $port]
foreach name [list $channel stdin stdout] {
    fconfigure $name -blocking 0 -translation binary -buffering none
}
fcopy $channel stdout -command list
fcopy stdin $channel -command exit
vwait forever
