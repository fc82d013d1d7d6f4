/* Any text as the words of tls::import: parsed, or refused with a message; nothing kept. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    Tcl_Interp *interp = FuzzInterp();
    Tcl_Obj *text = Tcl_NewStringObj((const char *)bytes, (Tcl_Size)size);
    Tcl_Obj **words = NULL;
    Tcl_Size count = 0;
    Config config;

    Tcl_IncrRefCount(text);
    if (Tcl_ListObjGetElements(NULL, text, &count, &words) == TCL_OK) {
        memset(&config, 0, sizeof config);
        config.level = size % 2 ? 1 : 2;
        if (OptionsParse(interp, &config, SCOPE_CONTEXT | SCOPE_CONNECTION | SCOPE_SOCKET, count, words) != TCL_OK) {
            FuzzDemand(Tcl_GetStringResult(interp)[0] != '\0', "an error has a message");
        } else if (OptionsIsGiven(&config, OPT_ALPN)) {
            const Value *alpn = &config.value[OPT_ALPN];
            size_t at = 0;
            while (at < alpn->length) {
                FuzzDemand(alpn->bytes[at] != 0, "no protocol name is empty");
                at += (size_t)(unsigned char)alpn->bytes[at] + 1;
            }
            FuzzDemand(at == alpn->length, "the wire form of ALPN is whole");
        }
        OptionsFree(&config);
        Tcl_ResetResult(interp);
    }
    Tcl_DecrRefCount(text);
    return 0;
}
