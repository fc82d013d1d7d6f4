/* Any bytes as those of an exported session, also with the checksum made right: refused
 * with a reason, or a session that a handshake can begin with and that packs again. */
#include "fuzz.h"

/* Begins a handshake with the session, as a client. */
static void Begin(SSL_SESSION *session)
{
    static SSL_CTX *context;
    SSL *ssl = NULL;

    if (context == NULL) {
        context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_security_level(context, 0);
        (void)SSL_CTX_set_min_proto_version(context, 0);
    }
    ssl = SSL_new(context);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl);
    if (SSL_set_session(ssl, session) == 1) {
        (void)SSL_do_handshake(ssl);
    }
    ERR_clear_error();
    SSL_free(ssl);
}

static void Try(const uint8_t *bytes, size_t size, int kind)
{
    Value value = {1, 0, (char *)bytes, size};
    char *binding = NULL;
    const char *why = NULL;
    SSL_SESSION *session = SessionBytesUnpack(&value, kind, &binding, &why);
    Tcl_Obj *again = NULL;

    FuzzDemand((session == NULL) == (why != NULL) && (session == NULL) == (binding == NULL), "a session or a reason");
    if (session == NULL) {
        return;
    }
    again = SessionBytesPack(session, kind, binding);
    FuzzDemand(again != NULL, "what was read can be written");
    Tcl_IncrRefCount(again);
    Tcl_DecrRefCount(again);
    (void)SessionIsFresh(session);
    Begin(session);
    SSL_SESSION_free(session);
    MemFree(binding);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = NULL;

    (void)FuzzInterp();
    Try(bytes, size, SESSION_CLIENT);
    if (size < SESSION_HEAD + SESSION_SUM) {
        return 0;
    }
    copy = malloc(size);
    memcpy(copy, bytes, size);
    memcpy(copy, "TLSs\1", 5);
    SessionBytesPutLength(copy + 6, SessionBytesGetLength(copy + 6) % (size - SESSION_HEAD - SESSION_SUM + 1));
    SessionBytesPutLength(copy + 10, size - SESSION_HEAD - SESSION_SUM - SessionBytesGetLength(copy + 6));
    EVP_Digest(copy, size - SESSION_SUM, copy + size - SESSION_SUM, NULL, EVP_sha256(), NULL);
    Try(copy, size, copy[5]);
    free(copy);
    return 0;
}
