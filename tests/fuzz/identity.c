/* Any bytes as -key, as certificate and key in one, and as PKCS#12: loaded, or refused with a message. */
#include "fuzz.h"

static int FuzzPassword(char *buffer, int size, int isWriting, void *unused)
{
    (void)isWriting;
    (void)unused;
    FuzzDemand(size > 6, "room for a password");
    memcpy(buffer, "secret", 6);
    return 6;
}

static void FuzzLoad(Tcl_Interp *interp, const Config *config, Identities *identities)
{
    Tcl_ResetResult(interp);
    if (IdentityLoad(interp, config, identities) == TCL_OK) {
        FuzzDemand(identities->count == 1, "one identity");
        FuzzDemand(X509_check_private_key(identities->list[0].leaf, identities->list[0].key) == 1,
                   "certificate and key belong together");
    } else {
        FuzzDemand(Tcl_GetStringResult(interp)[0] != '\0', "an error has a message");
    }
    IdentityFree(identities);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    Tcl_Interp *interp = FuzzInterp();
    X509Password password = {FuzzPassword, NULL, 0, 0};
    EVP_PKEY *key = X509LoadKey(interp, "-key", bytes, size, &password);
    Identities identities;
    Config config;

    FuzzDemand(key != NULL || Tcl_GetStringResult(interp)[0] != '\0', "an error has a message");
    EVP_PKEY_free(key);
    memset(&config, 0, sizeof config);
    config.level = 2;
    config.value[OPT_CERT].given = 1;
    config.value[OPT_CERT].bytes = MemCopy(bytes, size);
    config.value[OPT_CERT].length = size;
    FuzzLoad(interp, &config, &identities);
    OptionsFree(&config);
    config.value[OPT_P12].given = 1;
    config.value[OPT_P12].bytes = MemCopy(bytes, size);
    config.value[OPT_P12].length = size;
    FuzzLoad(interp, &config, &identities);
    OptionsFree(&config);
    Tcl_ResetResult(interp);
    ERR_clear_error();
    return 0;
}
