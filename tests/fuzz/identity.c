/* Any bytes as -key, and as certificate and key in one: loaded, or refused with a message. */
#include "fuzz.h"

static int FuzzPassword(char *buffer, int size, int isWriting, void *unused)
{
    (void)isWriting;
    (void)unused;
    FuzzDemand(size > 6, "room for a password");
    memcpy(buffer, "secret", 6);
    return 6;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    Tcl_Interp *interp = FuzzInterp();
    X509Password password = {FuzzPassword, NULL, 0, 0};
    EVP_PKEY *key = X509LoadKey(interp, "-key", bytes, size, &password);
    Identity identity;
    Config config;

    FuzzDemand(key != NULL || Tcl_GetStringResult(interp)[0] != '\0', "an error has a message");
    EVP_PKEY_free(key);
    memset(&config, 0, sizeof config);
    config.level = 2;
    config.value[OPT_CERT].given = 1;
    config.value[OPT_CERT].bytes = MemCopy(bytes, size);
    config.value[OPT_CERT].length = size;
    if (IdentityLoad(interp, &config, &identity) == TCL_OK) {
        FuzzDemand(identity.leaf != NULL && X509_check_private_key(identity.leaf, identity.key) == 1,
                   "certificate and key belong together");
    }
    IdentityFree(&identity);
    OptionsFree(&config);
    Tcl_ResetResult(interp);
    ERR_clear_error();
    return 0;
}
