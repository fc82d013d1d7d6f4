# Where this package differs on purpose from its relatives, and why: level 1 from tcl-tls
# 1.7.22 (rows) and 1.8.0, level 2 from 2.0.1. For these two: the rows of 1.7.22 without
# those in `gone`, and those in `more` before them.
# Read by tests/differential.test and by the manual's section on compatibility. Each row:
#
#   program keys kind theirs ours reason
#
# program and keys are those of differential.tcl: program a pattern, keys a list of
# patterns (string match). kind is
#   values    theirs and ours are patterns that the two observations fit
#   sometimes the same, but not every time: theirs depends on chance
#   superset  the observations are lists, and everything of theirs is in ours
# "(nothing)" stands for what was not observed, because the program had ended before.
# A row that fits nothing any more is an error of the test.

namespace eval ::differences {
    variable rows {
        {no12 {handshake version cipher answer} values {1 {handshake failed: tlsv1 alert protocol version}*} {0 1}
            {Protocol flags leave no holes. 1.7.22 lets the library take the part below the hole, so that "-tls1.2 0"
            alone ends at TLS 1.1, which no modern server accepts; here it means TLS 1.3.}}
        {no12 {version cipher answer} values (nothing) * {See "-tls1.2 0" above: here there is a connection.}}
        {pop3 socket values {1 {protocol not supported}} {0 ok}
            {"-ssl3 1" is an error of 1.7.22 where the library lacks SSL 3, and tcllib's pop3 asks for it: here it is
            an error only if no other protocol remains enabled.}}
        {pop3 {handshake version cipher answer} values (nothing) * {See "-ssl3 1" above: here there is a connection.}}
        {ciphersuites socket values {1 {bad option "-ciphersuites"*}} {0 ok} {1.7.22 has no option for the suites of TLS 1.3.}}
        {ciphersuites {handshake version cipher answer} values (nothing) * {1.7.22 has no option for the suites of TLS 1.3.}}
        {alpn end values {*bad option "-alpn"*} (nothing) {1.7.22 has no ALPN.}}
        {alpn {answer server} values (nothing) * {1.7.22 has no ALPN.}}
        {busyloop end sometimes CHILD* (nothing)
            {In 1.7.22 a handshake that is driven on a non-blocking socket before it is connected breaks the connection,
            or the process.}}
        {busyloop {loop answer} sometimes (nothing) * {See above: here the loop ends with a connection.}}
        {model end values {CHILDSTATUS 124*} (nothing)
            {-model in 1.7.22 stacks TLS on the model channel in place of the one that is imported, and the program hangs.}}
        {model {handshake answer} values (nothing) * {See above: here both channels work.}}

        {statuskeys keys superset * * {More keys; those of 1.7.22 are all there.}}
        {statuslocal {keys peer} superset * * {More keys; those of 1.7.22 are all there.}}
        {callbackwords certkeys superset * * {More keys; those of 1.7.22 are all there.}}
        {statusbefore status values {0 {sbits 0 version *}} {0 {}}
            {tls::status is empty before the handshake is done: a version that is not agreed yet is none.}}
        {callbackwords words superset * *
            {-command is told of messages and sessions, too. A script that throws on these words is not told again,
            and there is no background error.}}

        {* {handshake again flush default no12 only13} values {1 {handshake failed: *}} {1 {handshake failed: *}}
            {The same beginning, then more: what the library found out, and what to check.}}
        {expiredwrite flush values {1 {error flushing "*": software caused connection abort}} {1 {handshake failed: certificate verify failed*}}
            {The reason, in place of the bare POSIX text.}}
        {expiredwrite gets values {0 {}} {1 {handshake failed: *}} {A failed connection is an error, not an empty line.}}
        {expired code values NONE {TLS VERIFY CERT_HAS_EXPIRED {certificate has expired}} {errorCode is always structured.}}
        {* background values {{SSL channel "*": error: *}} {}
            {1.7.22 raises a background error for every TLS error of a channel without -command. The operation that fails
            reports it already, so here there is none.}}
        {verify-* errors values {{certificate verify failed}} {{handshake failed: certificate verify failed due to *}}
            {The error word of -command has the whole message.}}

        {badoption {socket init import} values {1 {bad option "-nonsense": must be *}} {1 {bad option "-nonsense": must be one of *}}
            {More options to choose from; one form of the message for all three commands.}}
        {usage {{tls::ciphers a b c d} tls::handshake tls::unimport} values {1 {wrong # args: should be "tls::*}} {1 {wrong # args: should be "tls::*}}
            {The commands take more arguments than they did.}}
        {usage {{tls::version 1}} values {0 {OpenSSL *}} {1 {wrong # args: should be "tls::version"}}
            {1.7.22 ignores arguments of tls::version, and gives the version of the headers it was compiled with.}}
        {bad-cafile import values {0 CHANNEL} {0 {couldn't read "/nonexistent/ca.pem"*}}
            {A trust store that cannot be read is an error, not an empty one.}}
        {bad-certfile import values {0 {unable to set certificate file *}} {0 {couldn't read *: no such file or directory}}
            {The system's own reason.}}
        {bad-keyfile import values {0 {unable to set public key file *}} {0 {couldn't read *: no such file or directory}}
            {The system's own reason; and it is the private key.}}
        {bad-mismatch import values {0 {private key does not match the certificate *}} {0 {private key does not match the certificate *}}
            {The file is named.}}
        {bad-nopem import values {0 {unable to set certificate file *no start line}} {0 {no certificate found *}}
            {Says what was looked for.}}
        {bad-dhparams import values {0 {Could not find DH parameters file}} {0 {couldn't read *: no such file or directory}}
            {The file is named.}}
        {bad-badboolean import values {0 {expected boolean value but got "maybe"}} {0 {bad value for "-require": expected boolean value but got "maybe"}}
            {The option is named.}}
        {bad-badcipher import values {0 CHANNEL} {0 {no cipher matches "NONSENSE"}}
            {A cipher string that leaves nothing to agree on is an error at once, not a failure of the handshake.}}
        {bad-noprotocol import values {0 {no valid protocol selected}} {0 {no protocol enabled}} {Other words.}}
        {password wrong values {0 {unable to set public key file *bad decrypt}} {0 {wrong password for the private key *}}
            {Says that it is the password.}}
        {nolistener listen values {0 listens} {1 {couldn't read "/nonexistent/cert.pem"*}}
            {A listener whose identity cannot be used does not come up: 1.7.22 fails at every connection.}}

        {starttls -buffersize values 4096 16384 {One full record, unless the program has chosen a size.}}
        {clientcert {answer clientRead} values * *
            {The intermediates in -certfile are sent. 1.7.22 sends the leaf alone, and a peer that trusts only the
            root cannot verify it.}}
        {clientcert {subject version} values (nothing) * {See above: here the server sees the client's certificate.}}
        {misc x509 values {*issuer=?serial=*} {*issuer=O*One Man Band, CN*Unknown?serial=*}
            {A self-signed certificate names its issuer, which is its subject.}}
        {ciphers nonsense values {1 {bad protocol "nonsense": must be *}} {1 {bad protocol "nonsense": must be one of *}}
            {One form of the message for all commands.}}
        {ciphers {ssl2 ssl3} values {1 {protocol not supported}} {1 {protocol "ssl?" is not supported by the library}}
            {The protocol is named.}}
        {ciphers tls1.2 values {* TLS_AES_128_GCM_SHA256 *} {AES128-GCM-SHA256 *}
            {What TLS 1.2 can use: the suites of TLS 1.3 are another list.}}
        {ciphers tls1.3 values * {TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256}
            {1.7.22 lists what TLS 1.2 has.}}
    }
}

namespace eval ::differences {
    # What 1.8.0 and 2.0.1 do otherwise than 1.7.22: a list of {program keys}.
    variable gone {
        1.8.0 {
            {no12 {handshake version cipher answer}} {no12 {version cipher answer}} {pop3 socket} {ciphersuites socket}
            {ciphersuites {handshake version cipher answer}} {alpn end} {alpn {answer server}} {statuskeys keys}
            {statuslocal {keys peer}} {statusbefore status} {expired code} {* background} {verify-* errors}
            {bad-badcipher import} {password wrong} {misc x509} {ciphers {ssl2 ssl3}}
        }
        2.0.1 {
            {no12 {handshake version cipher answer}} {no12 {version cipher answer}} {pop3 socket}
            {pop3 {handshake version cipher answer}} {ciphersuites socket} {ciphersuites {handshake version cipher answer}}
            {alpn end} {clientcert {answer clientRead}} {statuskeys keys} {statuslocal {keys peer}} {statusbefore status}
            {expired code} {* background} {verify-* errors} {bad-badcipher import} {bad-noprotocol import} {password wrong} {misc x509}
            {ciphers {ssl2 ssl3}}
        }
    }
    # What both do otherwise.
    variable both {
        {statuskeys keys values {alias all *} {all alpn *}
            {These keys of VERSION are not there: alias, certificatePurpose, extFlags, extInvalid, isProxyCert, issuerAltName,
            keyId, publicKeyHash, purpose, selfIssued, signatureHash. What matters of them is in keyUsage, extendedKeyUsage,
            basicConstraintsCA and extensions.}}
        {statusvalues {cipher end even issuer notAfter notBefore sbits serial sha1_hash subject version} values * *
            {The key serial of 1.7 is there beside serialNumber: VERSION has the latter alone, and programs of the former end.}}
        {statusbefore status values {0 {peername {} sbits 0 *}} {0 {}}
            {tls::status is empty before the handshake is done: a protocol that is not agreed yet is none.}}
        {statuslocal * values * *
            {See serial above: in VERSION the program ends.}}
        {expired code values {TLS HANDSHAKE FAILED} {TLS VERIFY CERT_HAS_EXPIRED {certificate has expired}}
            {errorCode says what has failed.}}
        {nochannel tls::unimport values {0 {bad channel "CHANNEL": not a stacked channel}} {0 {bad channel "CHANNEL": not a TLS channel}}
            {The same words in all commands.}}
        {bad-badcipher import values {0 {Set ciphers failed: No valid ciphers}} {0 {no cipher matches "NONSENSE"}} {Says which.}}
        {password {right wrong} values {0 {unable to set public key file *}} *
            {A -password callback that takes no words is called without, as 1.7 does; in VERSION it fails, and with it the key.}}
        {misc x509 values {*issuer=?serial=*} {*issuer=O*One Man Band, CN*Unknown?serial=*}
            {A self-signed certificate names its issuer, which is its subject.}}
        {ciphers {ssl2 ssl3} values {1 {ssl?: protocol not supported}} {1 {protocol "ssl?" is not supported by the library}}
            {The protocol is named.}}
        {callbackwords infos values {{alert write} *} {{handshake done} *}
            {No alert goes out where nothing is wrong.}}
        {callbackwords chain values {} *
            {verify goes to -command too where there is no -validatecommand: the 1.7 line did its checks there, and a script
            that rejects by them must be heard. VERSION sends it to -validatecommand alone.}}
        {verify-* chain values {} *
            {See verify above.}}
        {callbackwords background values {{bad option "message": *}} *
            {A script of the 1.7 line that throws on the words message and session: at level 1 it is not told again, and there
            is no background error.}}
    }
    variable more {
        1.8.0 {
            {ciphers line values 1 6
                {The table of tls::ciphers is text in lines, as in 1.7, not a list of lines.}}
            {* version values 3 TLSv1.?
                {Level 1 has what 1.7 has: version in tls::status is the protocol. In 1.8.0 it is the certificate's.}}
            {to12 default values {0 3} {0 TLSv1.2} {See version above.}}
            {pop3 socket values {1 {SSL3 protocol not supported}} {0 ok}
                {"-ssl3 1" is an error of 1.8.0 where the library lacks SSL 3, and tcllib's pop3 asks for it: here it is
                an error only if no other protocol remains enabled.}}
            {verify-* background values {{bad option "message": *}} {} {See message above.}}
            {verify-* {handshake errors} values * *
                {See verify above: here the script decides.}}
        }
        2.0.1 {
            {verify-* errors values {{certificate has expired} {certificate verify failed}} {{handshake failed: certificate verify failed *}}
                {The error word of -command has the whole message, once.}}
            {clientcert {answer clientError clientRead} values * *
                {The intermediates in -certfile are sent. 2.0.1 sends the leaf alone, and a peer that trusts only the
                root cannot verify it.}}
            {alpn {answer clientError} values * * {See clientcert above.}}
            {server {answer clientError} values * * {See clientcert above.}}
            {lenient end values {CHILDSTATUS 1: error flushing *} {CHILDSTATUS 1: handshake failed: *}
                {The reason, in place of the bare POSIX text.}}
            {wrongname end values {CHILDSTATUS 1: error flushing *} {CHILDSTATUS 1: handshake failed: *}
                {The reason, in place of the bare POSIX text.}}
            {bad-noprotocol import values {0 CHANNEL} {0 {no protocol enabled}} {No protocol is an error at once.}}
        }
    }
}

# What one of them does otherwise than 1.7.22: rows.
proc ::differences::Own {version} {
    variable both
    variable more
    return [concat [string map [list VERSION $version] $both] [dict get $more $version]]
}

# The rows for one version of theirs.
proc ::differences::Rows {version} {
    variable rows
    variable gone
    if {![dict exists $gone $version]} {
        return $rows
    }
    return [concat [Own $version] [lmap row $rows {
        if {[lrange $row 0 1] in [lmap pair [dict get $gone $version] {lrange $pair 0 1}]} continue
        set row
    }]]
}
