# The checkout as a package, compiled on demand: for development. `build.tcl package`
# writes the index of what is installed.
foreach {version level} {2.1.0 2 1.9.0 1} {
    package ifneeded tls $version \
        "[list source [file join $dir tcl build load.tcl]]\n[list ::tlsbuild::Load $dir $version $level]"
}
unset version level
