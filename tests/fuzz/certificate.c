/* Any bytes as certificates: the dictionary, the names, the chain of dictionaries. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    Tcl_Interp *interp = FuzzInterp();
    STACK_OF(X509) *certificates = NULL;
    int level = 1;
    int i = 0;

    if (X509Load(interp, "-cert", bytes, size, &certificates) != TCL_OK) {
        FuzzDemand(Tcl_GetStringResult(interp)[0] != '\0', "an error has a message");
        Tcl_ResetResult(interp);
        return 0;
    }
    FuzzDemand(sk_X509_num(certificates) > 0, "success means at least one certificate");
    for (i = 0; i < sk_X509_num(certificates); i++) {
        X509 *certificate = sk_X509_value(certificates, i);
        for (level = 1; level <= 2; level++) {
            Tcl_Obj *dict = X509Dict(certificate, level);
            Tcl_Size count = 0;
            Tcl_IncrRefCount(dict);
            FuzzDemand(Tcl_DictObjSize(NULL, dict, &count) == TCL_OK && count > 30, "all keys are there");
            Tcl_DecrRefCount(dict);
        }
        (void)X509NameMatches(certificate, "www.example.org", 15, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        (void)X509NameMatches(certificate, "127.0.0.1", 9, 0);
        FuzzDemand(!X509NameMatches(certificate, "a\0b", 3, 0), "a name with a NUL matches nothing");
    }
    sk_X509_pop_free(certificates, X509_free);
    ERR_clear_error();
    return 0;
}
