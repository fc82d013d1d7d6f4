/* The bare OpenSSL program that the benchmark compares with: a server and a client that do
 * with OpenSSL alone what the Tcl programs beside this file do with the package.
 *
 *   peer server cert key            prints its port; one connection after the other
 *   peer threads cert key           the same with a thread for each connection
 *   peer client port ca task count bytes version resume
 *   peer version                    prints that of OpenSSL
 *
 * It keeps OpenSSL's defaults but for read-ahead, and thus their buffer, which takes one record
 * from the socket at once: some 64 system calls for a MiB read. The package takes several
 * records at once, which is why it is expected to read faster than this.
 *
 * After the handshake the client sends one line, "task bytes": h answer one line; d send so
 * many bytes; u read so many, answer "ok"; p echo 6 bytes so many times. version is tls1.2
 * or tls1.3; resume 0 or 1. The client prints: seconds, CPU seconds, sessions resumed. The
 * server ends with its standard input, that is, with who started it. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char block[65536];
static SSL_SESSION *kept;

static void Die(const char *what)
{
    fprintf(stderr, "peer: %s\n", what);
    exit(1);
}

static SSL_CTX *NewContext(const SSL_METHOD *method)
{
    SSL_CTX *context = SSL_CTX_new(method);

    if (context == NULL) {
        Die("SSL_CTX_new");
    }
    SSL_CTX_set_read_ahead(context, 1);
    return context;
}

static SSL *NewConnection(SSL_CTX *context, int fd)
{
    SSL *ssl = SSL_new(context);

    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
        Die("SSL_new");
    }
    return ssl;
}

static void SetNoDelay(int fd)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static int ReadLine(SSL *ssl, char *line, int size)
{
    int length = 0;

    while (length < size - 1 && SSL_read(ssl, line + length, 1) == 1) {
        if (line[length++] == '\n') {
            line[length] = '\0';
            return length;
        }
    }
    return 0;
}

static void WriteBytes(SSL *ssl, long count)
{
    while (count > 0) {
        int step = count < (long)sizeof block ? (int)count : (int)sizeof block;
        if (SSL_write(ssl, block, step) <= 0) {
            return;
        }
        count -= step;
    }
}

static long ReadBytes(SSL *ssl, long count)
{
    long total = 0;

    while (total < count) {
        int got = SSL_read(ssl, block, (int)sizeof block);
        if (got <= 0) {
            break;
        }
        total += got;
    }
    return total;
}

static void Serve(SSL *ssl)
{
    char line[64];
    long count = 0;

    if (SSL_accept(ssl) != 1) {
        return;
    }
    while (ReadLine(ssl, line, sizeof line) > 2) {
        count = atol(line + 2);
        if (line[0] == 'd') {
            WriteBytes(ssl, count);
        } else if (line[0] == 'u') {
            ReadBytes(ssl, count);
            SSL_write(ssl, "ok\n", 3);
        } else if (line[0] == 'p') {
            while (count-- > 0 && ReadBytes(ssl, 6) > 0) {
                SSL_write(ssl, "12345\n", 6);
            }
        } else if (line[0] == 'h') {
            SSL_write(ssl, "ok\n", 3);
        } else {
            fprintf(stderr, "peer: no task is called %c\n", line[0]);
            return;
        }
    }
    SSL_shutdown(ssl);
}

/* The next connection; -1 with the end of standard input. */
static int Accept(int listener)
{
    struct pollfd wanted[2] = {{STDIN_FILENO, POLLIN, 0}, {listener, POLLIN, 0}};
    char byte = 0;

    for (;;) {
        int fd = -1;
        if (poll(wanted, 2, -1) < 0 && errno != EINTR) {
            Die(strerror(errno));
        }
        if (wanted[0].revents != 0 && read(STDIN_FILENO, &byte, 1) <= 0) {
            return -1;
        }
        if (wanted[1].revents == 0) {
            continue;
        }
        fd = accept(listener, NULL, NULL);
        if (fd >= 0) {
            return fd;
        }
        if (errno != EINTR && errno != ECONNABORTED) {
            Die(strerror(errno));
        }
    }
}

/* One connection to its end. */
static void *ServeOne(void *given)
{
    SSL *ssl = given;
    int fd = SSL_get_fd(ssl);

    Serve(ssl);
    SSL_free(ssl);
    close(fd);
    return NULL;
}

static void Server(const char *certificate, const char *key, int isThreaded)
{
    SSL_CTX *context = NewContext(TLS_server_method());
    struct sockaddr_in address = {0};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int fd = -1;

    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        Die("certificate or key");
    }
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"bench", 5);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1024) != 0) {
        Die("listen");
    }
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    while ((fd = Accept(listener)) >= 0) {
        SSL *ssl = NewConnection(context, fd);
        pthread_t thread;
        SetNoDelay(fd);
        if (!isThreaded) {
            ServeOne(ssl);
        } else if (pthread_create(&thread, NULL, ServeOne, ssl) != 0 || pthread_detach(thread) != 0) {
            Die("thread");
        }
    }
    SSL_CTX_free(context);
    close(listener);
}

static int Keep(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(kept);
    kept = session;
    return 1;
}

static double Now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double Cpu(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static SSL *Connect(SSL_CTX *context, int port)
{
    struct sockaddr_in address = {0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    SSL *ssl = NewConnection(context, fd);

    address.sin_family = AF_INET;
    address.sin_port = htons((unsigned short)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        Die("connect");
    }
    SetNoDelay(fd);
    SSL_set_tlsext_host_name(ssl, "localhost");
    SSL_set1_host(ssl, "localhost");
    if (kept != NULL) {
        SSL_set_session(ssl, kept);
    }
    if (SSL_connect(ssl) != 1) {
        Die("handshake");
    }
    return ssl;
}

static int Task(SSL *ssl, char task, long bytes)
{
    char line[64];
    long i = 0;

    snprintf(line, sizeof line, "%c %ld\n", task, bytes);
    SSL_write(ssl, line, (int)strlen(line));
    if (task == 'd') {
        return ReadBytes(ssl, bytes) == bytes;
    }
    if (task == 'p') {
        for (i = 0; i < bytes; i++) {
            SSL_write(ssl, "12345\n", 6);
            if (ReadBytes(ssl, 6) != 6) {
                return 0;
            }
        }
        return 1;
    }
    if (task == 'u') {
        WriteBytes(ssl, bytes);
    }
    return ReadLine(ssl, line, sizeof line) >= 3;
}

static int Version(const char *name)
{
    if (strcmp(name, "tls1.2") == 0) {
        return TLS1_2_VERSION;
    }
    if (strcmp(name, "tls1.3") != 0) {
        Die("version: tls1.2 or tls1.3");
    }
    return TLS1_3_VERSION;
}

static void Client(char **words)
{
    SSL_CTX *context = NewContext(TLS_client_method());
    int port = atoi(words[0]);
    long count = atol(words[3]);
    int version = Version(words[5]);
    long resumed = 0;
    double start = 0, cpu = 0;
    long i = 0;

    if (strlen(words[2]) != 1 || strchr("hdup", words[2][0]) == NULL) {
        Die("task: h, d, u or p");
    }
    if (SSL_CTX_load_verify_file(context, words[1]) != 1) {
        Die("CA");
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    if (atoi(words[6])) {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, Keep);
    }
    start = Now();
    cpu = Cpu();
    for (i = 0; i < count; i++) {
        SSL *ssl = Connect(context, port);
        if (!Task(ssl, words[2][0], atol(words[4]))) {
            Die("task");
        }
        resumed += SSL_session_reused(ssl);
        SSL_shutdown(ssl);
        close(SSL_get_fd(ssl));
        SSL_free(ssl);
    }
    printf("%.6f %.6f %ld\n", Now() - start, Cpu() - cpu, resumed);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc == 4 && (strcmp(argv[1], "server") == 0 || strcmp(argv[1], "threads") == 0)) {
        Server(argv[2], argv[3], strcmp(argv[1], "threads") == 0);
    } else if (argc == 9 && strcmp(argv[1], "client") == 0) {
        Client(argv + 2);
    } else if (argc == 2 && strcmp(argv[1], "version") == 0) {
        puts(OpenSSL_version(OPENSSL_VERSION));
    } else {
        Die("usage: see the head of peer.c");
    }
    return 0;
}
