/* What every fuzz target begins with: the rooms themselves (made by `build.tcl fuzz` from
 * c/ in the order of tls.critcl), an interpreter with the package, and a way to give up. */
#include <tcl.h>
#include "rooms.c"

static Tcl_Interp *fuzzInterp;

/* Returns the interpreter; level 2, the Tcl files loaded. */
static Tcl_Interp *FuzzInterp(void)
{
    if (fuzzInterp == NULL) {
        Tcl_FindExecutable(NULL);
        fuzzInterp = Tcl_CreateInterp();
        if (Tcl_Init(fuzzInterp) != TCL_OK || PackageInit(fuzzInterp) != TCL_OK ||
            Tcl_EvalFile(fuzzInterp, FUZZ_ROOT "/tcl/handlers.tcl") != TCL_OK) {
            fprintf(stderr, "%s\n", Tcl_GetStringResult(fuzzInterp));
            abort();
        }
    }
    return fuzzInterp;
}

/* A property that must hold whatever the input is. */
static void FuzzDemand(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}
