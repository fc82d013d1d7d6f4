# The recipe tea: a source tree that builds with configure and make. The C in it is that
# of the rooms, a file each, which c/tls.c includes in their order: one unit, as here.

# Everything below DIR/tls<version>. Returns its path.
proc ::build::MakeTea {dir} {
    variable root
    set versions [Versions]
    set version [lindex $versions 0]
    set target [file join [file normalize $dir] tls$version]
    if {[file exists $target] && ![string match "# tls $version\n*" [TeaTitle $target]]} {
        Fail "\"$target\" is there and was not made by this program"
    }
    set fresh $target.[pid]
    try {
        file mkdir [file join $fresh c] [file join $fresh tcl] [file join $fresh doc]
        TeaC $fresh
        TeaFiles $fresh
        WriteFile [file join $fresh README.md] [TeaReadme $version]
        TeaBuild $fresh $versions
        file delete -force $target
        file rename $fresh $target
    } finally {
        file delete -force $fresh
    }
    return $target
}

# The tree's README.md, by which it is known, or "".
proc ::build::TeaTitle {target} {
    set text ""
    catch {set text [ReadFile [file join $target README.md]]}
    return $text
}

# The words of a list in tls.critcl: rooms, scripts.
proc ::build::Listed {name} {
    variable root
    if {![regexp "\nset $name \{(\[^\}\]*)\}" [ReadFile [file join $root tls.critcl]] -> words]} {
        Fail "tls.critcl has no \"set $name {...}\""
    }
    return [regexp -all -inline {\S+} $words]
}

# A room as plain C with the same line numbers.
proc ::build::RoomC {text name} {
    set lines [split [string trimright $text \n] \n]
    set start [lsearch -exact $lines "critcl::ccode \{"]
    if {$start < 0 || [lindex $lines end] ne "\}"} {
        Fail "c/$name.critcl is not one critcl::ccode block"
    }
    set head {}
    foreach line [lrange $lines 0 $start-1] {
        lappend head [regsub {^# ?(.*)$} $line {/* \1 */}]
    }
    return [join [concat $head [list ""] [lrange $lines $start+1 end-1]] \n]\n
}

proc ::build::TeaC {target} {
    variable root
    set text "/* The package tls: its rooms in the order of reading, and what Tcl's load command calls. */\n\n"
    append text "#include <tcl.h>\n\n"
    foreach room [Listed rooms] {
        WriteFile [file join $target c $room.c] [RoomC [ReadFile [file join $root c $room.critcl]] $room]
        append text "#include \"$room.c\"\n"
    }
    append text {
DLLEXPORT int Tls_Init(Tcl_Interp *interp);
DLLEXPORT int Tls_SafeInit(Tcl_Interp *interp);

int Tls_Init(Tcl_Interp *interp)
{
    if (Tcl_InitStubs(interp, "8.6-", 0) == NULL) {
        return TCL_ERROR;
    }
    return PackageInit(interp);
}

/* PackageInit asks which kind of interpreter it was given. */
int Tls_SafeInit(Tcl_Interp *interp)
{
    return Tls_Init(interp);
}
}
    WriteFile [file join $target c tls.c] $text
}

# The checkout's own speaks of recipes that are not in the tree.
proc ::build::TeaReadme {version} {
    return [string map [list @VERSION@ $version] {# tls @VERSION@

TLS 1.2 and 1.3 for Tcl channels, by means of OpenSSL 3. A C compiler, Tcl 8.6 or newer and OpenSSL 3.0 or
newer are needed, both with their headers.

    ./configure
    make
    make test
    make install

`./configure --help` tells where things are found and installed, and how to change that. The manual is
[doc/tls.md](doc/tls.md), and as a man page `doc/tls.n`; programs to begin with are in [doc/examples](doc/examples).
}]
}

# What is copied as it is: scripts, documentation, tests.
proc ::build::TeaFiles {target} {
    variable root
    foreach script [Listed scripts] {
        file copy [file join $root $script] [file join $target tcl]
    }
    foreach file {LICENSE CHANGELOG.md doc/tls.n doc/tls.md doc/parity.md doc/examples tests} {
        if {[file exists [file join $root $file]]} {
            file copy [file join $root $file] [file join $target $file]
        }
    }
    file mkdir [file join $target tests]
    file copy [file join $root tcl build tea quick.tcl] [file join $target tests quick.tcl]
}

proc ::build::TeaBuild {target versions} {
    variable root
    set from [file join $root tcl build tea]
    set version [lindex $versions 0]
    set scripts [Listed scripts]
    WriteFile [file join $target configure] [string map [list @VERSION@ $version] [ReadFile [file join $from configure]]]
    file attributes [file join $target configure] -permissions 0755
    WriteFile [file join $target Makefile.in] [string map [list \
        @SCRIPTS@ [join [lmap script $scripts {string cat {$(srcdir)/} $script}]] \
        @TAILS@ [join [lmap script $scripts {file tail $script}]] \
        @SOURCES@ [join [lmap room [concat tls [Listed rooms]] {string cat {$(srcdir)/c/} $room .c}]] \
    ] [ReadFile [file join $from Makefile.in]]]
    WriteFile [file join $target index.tcl.in] [Index $versions {@requirement@ @library@} [lmap script $scripts {file tail $script}]]
}

proc ::build::Tea {dir} {
    set target [MakeTea $dir]
    puts "$target is ready: ./configure && make && make test && make install"
    return 0
}
