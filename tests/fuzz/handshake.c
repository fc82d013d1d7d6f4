/* A whole handshake and some data between our driver and OpenSSL itself, in memory, with
 * the peer's bytes edited on the way: the input is a byte of choices and then edits of
 * four bytes, {offset high, offset low, operation, value}. Or, by another choice, the rest
 * is what the peer says, a recording that is mutated, and there is no peer. Whatever comes,
 * we never give wrong plain text, never hang, and never leave anything behind.
 * With FUZZ_RECORD in the environment, what an unedited peer says becomes such an input. */
#include "fuzz.h"

enum { CHOICE_SERVER = 1, CHOICE_OLD = 2, CHOICE_RECORDING = 4, CHOICE_SCRIPT = 8 };
enum { EDIT_FLIP, EDIT_SET, EDIT_DROP, EDIT_INSERT, EDIT_CUT, EDIT_KINDS };

typedef struct Pipe {
    unsigned char *bytes;
    size_t length, size, from;
} Pipe;

/* The channel below: two queues, never blocking. */
static Pipe toUs, fromUs;
static int isCut;
static int watched;
static EVP_PKEY *serverKey;
static X509 *serverCertificate;
static const char message[] = "Whatever is edited on the way, this text arrives as it is or not at all. ";

static void PipePut(Pipe *pipe, const void *bytes, size_t length)
{
    if (pipe->length + length > pipe->size) {
        pipe->size = 2 * (pipe->length + length);
        pipe->bytes = realloc(pipe->bytes, pipe->size);
    }
    memcpy(pipe->bytes + pipe->length, bytes, length);
    pipe->length += length;
}

static size_t PipeTake(Pipe *pipe, void *bytes, size_t size)
{
    size_t rest = pipe->length - pipe->from;

    rest = rest < size ? rest : size;
    if (rest > 0) {
        memcpy(bytes, pipe->bytes + pipe->from, rest);
        pipe->from += rest;
    }
    return rest;
}

static int MemoryClose(ClientData data, Tcl_Interp *interp)
{
    (void)data;
    (void)interp;
    return 0;
}

static int MemoryInput(ClientData data, char *buffer, int size, int *error)
{
    int got = (int)PipeTake(&toUs, buffer, (size_t)size);

    (void)data;
    if (got == 0 && !isCut) {
        *error = EAGAIN;
        return -1;
    }
    return got;
}

static int MemoryOutput(ClientData data, const char *buffer, int size, int *error)
{
    (void)data;
    (void)error;
    PipePut(&fromUs, buffer, (size_t)size);
    return size;
}

static void MemoryWatch(ClientData data, int mask)
{
    (void)data;
    watched = mask;
}

static int MemoryMode(ClientData data, int mode)
{
    (void)data;
    (void)mode;
    return 0;
}

static const Tcl_ChannelType memoryType = {
    "memory", TCL_CHANNEL_VERSION_5, MemoryClose, MemoryInput, MemoryOutput, NULL, NULL, NULL, MemoryWatch,
    NULL,     NULL,                  MemoryMode,  NULL,        NULL,         NULL, NULL, NULL,
};

static void MakeIdentity(Tcl_Interp *interp)
{
    X509_NAME *name = NULL;
    BIO *text = BIO_new(BIO_s_mem());
    char *pem = NULL;
    long length = 0;

    serverKey = EVP_EC_gen("P-256");
    serverCertificate = X509_new();
    X509_set_version(serverCertificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(serverCertificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(serverCertificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(serverCertificate), 86400);
    name = X509_get_subject_name(serverCertificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(serverCertificate, name);
    X509_set_pubkey(serverCertificate, serverKey);
    X509_sign(serverCertificate, serverKey, EVP_sha256());
    PEM_write_bio_X509(text, serverCertificate);
    PEM_write_bio_PrivateKey(text, serverKey, NULL, NULL, 0, NULL, NULL);
    length = BIO_get_mem_data(text, &pem);
    Tcl_SetVar2Ex(interp, "pem", NULL, Tcl_NewByteArrayObj((unsigned char *)pem, (Tcl_Size)length), TCL_GLOBAL_ONLY);
    BIO_free(text);
}

static SSL *MakePeer(int isServer, int isOld)
{
    static SSL_CTX *contexts[2];
    SSL *peer = NULL;

    if (contexts[isServer] == NULL) {
        contexts[isServer] = SSL_CTX_new(TLS_method());
        SSL_CTX_use_cert_and_key(contexts[isServer], serverCertificate, serverKey, NULL, 1);
    }
    peer = SSL_new(contexts[isServer]);
    SSL_set_bio(peer, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (isOld) {
        SSL_set_max_proto_version(peer, TLS1_2_VERSION);
    }
    if (isServer) {
        SSL_set_accept_state(peer);
    } else {
        SSL_set_connect_state(peer);
    }
    return peer;
}

/* Carries what the peer has to say to us, one byte after the other through the edits. */
static void CarryToUs(SSL *peer, const uint8_t *edits, size_t count, size_t *offset)
{
    unsigned char byte = 0;
    size_t i = 0;

    while (!isCut && BIO_read(SSL_get_wbio(peer), &byte, 1) == 1) {
        int keep = 1;
        for (i = 0; i + 4 <= count; i += 4) {
            if ((size_t)((edits[i] << 8) | edits[i + 1]) != *offset) {
                continue;
            }
            switch (edits[i + 2] % EDIT_KINDS) {
            case EDIT_FLIP:
                byte ^= edits[i + 3];
                break;
            case EDIT_SET:
                byte = edits[i + 3];
                break;
            case EDIT_DROP:
                keep = 0;
                break;
            case EDIT_INSERT:
                PipePut(&toUs, &edits[i + 3], 1);
                break;
            default:
                isCut = 1;
                break;
            }
        }
        if (keep && !isCut) {
            PipePut(&toUs, &byte, 1);
        }
        (*offset)++;
    }
}

static void AnswerPeer(SSL *peer)
{
    unsigned char chunk[4096];
    size_t got = 0;

    while ((got = PipeTake(&fromUs, chunk, sizeof chunk)) > 0) {
        BIO_write(SSL_get_rbio(peer), chunk, (int)got);
    }
    if (SSL_do_handshake(peer) == 1) {
        (void)SSL_write(peer, message, (int)sizeof message - 1);
        while (SSL_read(peer, chunk, (int)sizeof chunk) > 0) {
        }
    }
    ERR_clear_error();
}

/* What an event loop would do: events below, timers. */
static void RunEvents(Tcl_Channel below)
{
    int events = watched & TCL_WRITABLE;

    if ((watched & TCL_READABLE) && (isCut || toUs.length > toUs.from)) {
        events |= TCL_READABLE;
    }
    if (events != 0) {
        Tcl_NotifyChannel(below, events);
    }
    while (Tcl_DoOneEvent(TCL_ALL_EVENTS | TCL_DONT_WAIT)) {
    }
}

/* What we have read must be what the peer wrote, as far as it goes. */
static void Check(Tcl_Channel channel, size_t *position)
{
    char chunk[4096];
    Tcl_Size got = Tcl_Read(channel, chunk, (Tcl_Size)sizeof chunk);
    Tcl_Size i = 0;

    for (i = 0; i < got; i++) {
        FuzzDemand(chunk[i] == message[*position % (sizeof message - 1)], "wrong plain text");
        (*position)++;
    }
}

/* Our side of the connection. */
static Tcl_Channel MakeOurs(Tcl_Interp *interp, int choices)
{
    static const char *const roles[] = {
        "tls::import memory -cadata $pem -servername localhost -alpn {h2 http/1.1} -resume 1",
        "tls::import memory -server 1 -cert $pem -alpn {h2 http/1.1} -request 1 -ssl2 0 -tls1 1",
        "tls::import memory -cadata $pem -servername localhost -ocsp request -validatecommand {apply {args {return 1}}}"
        " -command {apply {args {}}}",
        "tls::import memory -server 1 -cert $pem -alpn {h2 http/1.1} -request 1 -validatecommand {apply {args {return 1}}}"
        " -command {apply {args {}}} -pskcommand {apply {args {}}}",
    };
    Tcl_Channel channel = Tcl_CreateChannel(&memoryType, "memory", NULL, TCL_READABLE | TCL_WRITABLE);

    Tcl_RegisterChannel(interp, channel);
    Tcl_SetChannelOption(NULL, channel, "-translation", "binary");
    Tcl_SetChannelOption(NULL, channel, "-blocking", "0");
    if (Tcl_Eval(interp, roles[(choices & CHOICE_SERVER) + (choices & CHOICE_SCRIPT ? 2 : 0)]) != TCL_OK) {
        fprintf(stderr, "%s\n", Tcl_GetStringResult(interp));
        FuzzDemand(0, "import works");
    }
    return channel;
}

/* Keeps what the peer has said in $FUZZ_RECORD/recording<choices>. */
static void Record(int choices)
{
    char path[4096];
    FILE *file = NULL;

    snprintf(path, sizeof path, "%s/recording%d", getenv("FUZZ_RECORD"), choices);
    file = fopen(path, "wb");
    FuzzDemand(file != NULL, "room for a recording");
    fputc(choices | CHOICE_RECORDING, file);
    fwrite(toUs.bytes, 1, toUs.length, file);
    fclose(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    Tcl_Interp *interp = FuzzInterp();
    Tcl_Channel channel = NULL;
    SSL *peer = NULL;
    size_t offset = 0;
    size_t position = 0;
    int choices = size > 0 ? bytes[0] : 0;
    int isRecording = (choices & CHOICE_RECORDING) != 0;
    int round = 0;
    long alive = 0;

    if (serverKey == NULL) {
        MakeIdentity(interp);
    }
    alive = atomic_load(&counters.connectionsAlive);
    toUs.length = toUs.from = fromUs.length = fromUs.from = 0;
    isCut = 0;
    watched = 0;
    channel = MakeOurs(interp, choices);
    peer = isRecording ? NULL : MakePeer(!(choices & CHOICE_SERVER), choices & CHOICE_OLD);
    if (isRecording) {
        PipePut(&toUs, bytes + 1, size - 1);
    }
    for (round = 0; round < 8; round++) {
        Tcl_WriteChars(channel, "request", -1);
        Tcl_Flush(channel);
        Check(channel, &position);
        if (peer != NULL) {
            AnswerPeer(peer);
        }
        RunEvents(channel);
        if (peer != NULL) {
            CarryToUs(peer, bytes + (size > 0), size > 0 ? size - 1 : 0, &offset);
        }
    }
    Check(channel, &position);
    FuzzDemand(isRecording ? position == 0 : size > 4 || position > 0, "the text arrives without edits, and never from nobody");
    Tcl_Eval(interp, "tls::status memory; tls::connection memory");
    if (getenv("FUZZ_RECORD") != NULL && !isRecording && size == 1) {
        Record(choices);
    }
    isCut = 1;
    Tcl_UnregisterChannel(interp, channel);
    for (round = 0; round < 8; round++) {
        RunEvents(channel);
    }
    SSL_free(peer);
    FuzzDemand(atomic_load(&counters.connectionsAlive) == alive, "nothing is left behind");
    Tcl_ResetResult(interp);
    return 0;
}
