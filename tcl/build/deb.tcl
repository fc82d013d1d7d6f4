# The recipe deb: a Debian package made with dpkg-deb alone. It is called tcl-tls2, so that
# it can be installed beside Debian's tcl-tls, with which it shares no file.

namespace eval ::build {
    variable debName tcl-tls2
    variable debRevision 1
}

# Makes DIR/tcl-tls2_<version>_<architecture>.deb. Returns its path.
proc ::build::MakeDeb {dir} {
    variable debName
    variable debRevision
    if {[auto_execok dpkg-deb] eq ""} {
        Fail "dpkg-deb is needed, which Debian's systems have"
    }
    set dir [file normalize $dir]
    set version [lindex [Versions] 0]-$debRevision
    set architecture [exec dpkg --print-architecture]
    set work [file join $dir .$debName.[pid]]
    set path [file join $dir ${debName}_${version}_$architecture.deb]
    try {
        set tree [file join $work tree]
        file mkdir [file join $work debian] [file join $tree DEBIAN]
        DebFiles $tree $version
        WriteFile [file join $tree DEBIAN control] [DebControl $work $tree $version $architecture]
        WriteFile [file join $tree DEBIAN md5sums] [DebSums $tree]
        DebModes $tree
        # Times that do not depend on when this runs, so that equal sources give equal packages.
        set ::env(SOURCE_DATE_EPOCH) [DebTime]
        exec dpkg-deb --root-owner-group -Zxz --build $tree $path
    } finally {
        file delete -force $work
    }
    return $path
}

# When this state of the package was made: as given, else when it was committed, else, without
# its history, when its list of changes was written.
proc ::build::DebTime {} {
    variable root
    if {[info exists ::env(SOURCE_DATE_EPOCH)] && [string is entier -strict $::env(SOURCE_DATE_EPOCH)]} {
        return $::env(SOURCE_DATE_EPOCH)
    }
    if {[file exists [file join $root .git]] && ![catch {exec git -C $root log -1 --format=%ct} time]
            && [string is entier -strict $time]} {
        return $time
    }
    return [file mtime [file join $root CHANGELOG.md]]
}

proc ::build::DebMultiarch {} {
    foreach command {{dpkg-architecture -qDEB_HOST_MULTIARCH} {gcc -print-multiarch}} {
        if {![catch {exec {*}$command} name] && $name ne ""} {
            return $name
        }
    }
    Fail "neither dpkg-architecture nor gcc tells the name of this architecture's directories"
}

proc ::build::DebMaintainer {} {
    set name "The tls package authors"
    set address tls@package.invalid
    foreach {variable word} {name DEBFULLNAME address DEBEMAIL} {
        if {[info exists ::env($word)] && $::env($word) ne ""} {
            set $variable $::env($word)
        }
    }
    return "$name <$address>"
}

proc ::build::DebGzip {path text} {
    set channel [open $path wb]
    puts -nonewline $channel [zlib gzip [encoding convertto utf-8 $text] -level 9 -header {time 0}]
    close $channel
}

proc ::build::DebFiles {tree version} {
    variable root
    variable debName
    set packages [file join $tree usr lib tcltk [DebMultiarch]]
    file delete [file join [MakePackage $packages release] LICENSE]
    set man [file join $tree usr share man man3]
    set doc [file join $tree usr share doc $debName]
    file mkdir $man $doc
    # Debian keeps the pages of Tcl packages in section 3tcl; tcl-tls has none.
    set page [ReadFile [file join $root doc tls.n]]
    DebGzip [file join $man tls.3tcl.gz] [regsub -line {^\.TH "?tls"? n } $page {.TH "tls" 3tcl }]
    WriteFile [file join $doc copyright] [DebCopyright]
    DebGzip [file join $doc changelog.gz] [ReadFile [file join $root CHANGELOG.md]]
    DebGzip [file join $doc changelog.Debian.gz] [DebChangelog $version]
    WriteFile [file join $doc README.Debian] [DebReadme]
    file copy [file join $root doc examples] [file join $doc examples]
}

proc ::build::DebCopyright {} {
    variable root
    set text "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: tls\n\nFiles: *\n"
    set license [ReadFile [file join $root LICENSE]]
    regexp -line {^Copyright \(c\) (.*)$} $license -> holder
    append text "Copyright: $holder\nLicense: BSD-3-clause\n"
    set isHead 1
    foreach line [split [string trim $license] \n] {
        # The name of the license and the holder stand above.
        if {$isHead && ![string match Redistribution* $line]} {
            continue
        }
        set isHead 0
        append text " [expr {[string trim $line] eq "" ? "." : $line}]\n"
    }
    return $text
}

proc ::build::DebChangelog {version} {
    variable debName
    set date [clock format [DebTime] -gmt 1 -format "%a, %d %b %Y %H:%M:%S +0000"]
    return "$debName ($version) unstable; urgency=medium\n\n  * See changelog.gz.\n\n -- [DebMaintainer]  $date\n"
}

proc ::build::DebReadme {} {
    lassign [Versions] newer - older
    return "This package and tcl-tls can be installed together. Then a Tcl program that says

    package require tls            gets $newer (this package)
    package require tls 1.7        gets $older (this package: what programs for 1.7 expect)
    package require -exact tls 1.7.22   gets tcl-tls

Tcl takes the highest version that suits. Removing this package gives all of them
tcl-tls again. The manual page: man 3tcl tls
"
}

proc ::build::DebControl {work tree version architecture} {
    variable debName
    set size 0
    foreach path [DebList $tree] {
        incr size [expr {([file size [file join $tree $path]] + 1023) / 1024}]
    }
    return "Package: $debName
Version: $version
Section: interpreters
Priority: optional
Architecture: $architecture
Multi-Arch: same
Maintainer: [DebMaintainer]
Installed-Size: $size
Depends: [DebDepends $work $tree], [DebTcl]
Recommends: ca-certificates
Suggests: tcl-thread
Description: TLS 1.2 and 1.3 for Tcl channels, by OpenSSL 3
 A TLS channel is used like the socket below it: reading, writing, events,
 copying. Clients are safe by default: the server's certificate and its name
 are checked. Servers can have several names, resume sessions, and renew
 their certificates while they run.
 .
 It serves programs written for tls 2 and, by a second version number, those
 written for tls 1.7.
"
}

# The Tcl that the library is for: it is not linked to it.
proc ::build::DebTcl {} {
    set name libtcl[info tclversion]
    return [expr {[TclMajor] == 8 ? "$name | libtcl" : $name}]
}

# What the library is linked to, as packages.
proc ::build::DebDepends {work tree} {
    variable debName
    set library [lindex [glob -directory [file join $tree usr lib tcltk] */*/*[info sharedlibextension]] 0]
    WriteFile [file join $work debian control] "Source: $debName\n\nPackage: $debName\nArchitecture: any\n"
    set here [pwd]
    cd $work
    try {
        if {[catch {exec dpkg-shlibdeps -O $library 2>@1} output]} {
            Fail "dpkg-shlibdeps does not tell what the library needs: $output"
        }
    } finally {
        cd $here
    }
    return [regsub -line {^shlibs:Depends=} $output {}]
}

# The files below the tree, without those of DEBIAN.
proc ::build::DebList {tree {base {}}} {
    set files {}
    foreach path [lsort [glob -nocomplain -directory $tree *]] {
        set name $base[file tail $path]
        if {$name eq "DEBIAN"} {
            continue
        }
        if {[file isdirectory $path]} {
            lappend files {*}[DebList $path $name/]
        } else {
            lappend files $name
        }
    }
    return $files
}

proc ::build::DebSums {tree} {
    set here [pwd]
    cd $tree
    try {
        return [exec md5sum {*}[DebList $tree]]\n
    } finally {
        cd $here
    }
}

# Whatever the umask is here.
proc ::build::DebModes {dir} {
    file attributes $dir -permissions 0755
    foreach path [glob -nocomplain -directory $dir *] {
        if {[file isdirectory $path]} {
            DebModes $path
        } else {
            file attributes $path -permissions 0644
        }
    }
}

proc ::build::Deb {dir} {
    file mkdir $dir
    puts "[MakeDeb $dir] is ready: apt-get install FILE"
    return 0
}
