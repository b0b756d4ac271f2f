// The only file that knows libmicrohttpd (0.9.75; a test pins the version).
//
// It parses in place, and what it does not check can be seen by where things lie in its buffer: the next header name
// must begin exactly two bytes after the previous value, the head must end four bytes after the last one. One byte
// less is a bare LF, more is a NUL or a folded line. See RequestHygiene.c for the rules on what lies between.

#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

#define RESPONSE(r) ((struct MHD_Response *)(r))

const char *chs_library_version(void) { return MHD_get_version(); }

// ---- the request head ----

struct walk {
    chs_connection *connection;
    const char *expected;  // where the next name must begin
    bool is_contiguous;
};

static enum MHD_Result on_field(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_length,
                                const char *value, size_t value_length)
{
    (void)kind;
    struct walk *walk = cls;
    chs_connection *c = walk->connection;
    if (name != walk->expected || value == NULL) {
        walk->is_contiguous = false;
        return MHD_NO;
    }
    if (c->head.field_count == c->field_capacity) {
        const size_t capacity = c->field_capacity == 0 ? 32 : c->field_capacity * 2;
        chs_field *fields = realloc(c->fields, capacity * sizeof *fields);
        if (fields == NULL) {
            walk->is_contiguous = false;
            return MHD_NO;
        }
        c->fields = fields;
        c->field_capacity = capacity;
    }
    walk->expected = value + value_length + 2;
    while (value_length > 0 && (value[value_length - 1] == ' ' || value[value_length - 1] == '\t')) value_length--;
    c->fields[c->head.field_count++] = (chs_field){
        .name = (uint32_t)(name - c->head.block),
        .name_length = (uint32_t)name_length,
        .value = (uint32_t)(value - c->head.block),
        .value_length = (uint32_t)value_length,
    };
    return MHD_YES;
}

static chs_problem read_head(chs_connection *c, const char *method, const char *version)
{
    const size_t version_length = sizeof "HTTP/1.1" - 1;
    chs_head *head = &c->head;
    const size_t method_length = strlen(method);
    *head = (chs_head){
        .method = method,
        .method_length = method_length,
        .target = c->target,
        .target_length = c->target_length,
        .block = version + version_length + 2,
        .content_length = -1,
    };
    if (!chs_is_token(method, method_length)) return CHS_BAD_METHOD;
    if (c->target_at != method + method_length + 1 || version != c->target_at + c->target_length + 1)
        return CHS_BAD_REQUEST_LINE;

    struct walk walk = {.connection = c, .expected = head->block, .is_contiguous = true};
    MHD_get_connection_values_n(c->mhd, MHD_HEADER_KIND, on_field, &walk);
    const union MHD_ConnectionInfo *size = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (!walk.is_contiguous || size == NULL || walk.expected + 2 != method + size->header_size)
        return CHS_BAD_LINE_ENDING;
    head->fields = c->fields;
    head->block_length = (size_t)(walk.expected - head->block);
    return chs_check_fields(head, strcmp(version, "HTTP/1.0") == 0);
}

// ---- callbacks of libmicrohttpd ----

static chs_connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

// Called once per request, with the target as it came; what is returned becomes the request's context.
static void *on_target(void *cls, const char *target, struct MHD_Connection *mhd)
{
    (void)cls;
    chs_connection *c = connection_of(mhd);
    if (c == NULL) return NULL;
    c->target_at = target;
    c->target_length = target == NULL ? 0 : strlen(target);
    if (c->target_length + 1 > c->target_capacity) {
        const size_t capacity = c->target_length + 128;
        char *grown = realloc(c->target, capacity);
        if (grown == NULL) return NULL;
        c->target = grown;
        c->target_capacity = capacity;
    }
    if (target != NULL) memcpy(c->target, target, c->target_length + 1);
    if (atomic_load(&c->stage) == STAGE_IDLE) {
        atomic_store(&c->deadline, chs_now() + c->server->options.head_ms);
        chs_move(c, STAGE_IDLE, STAGE_HEAD);
    }
    return c;
}

// The target stays as it came: RequestTarget decodes it, segment by segment.
static size_t on_unescape(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

static enum MHD_Result ready(chs_connection *c)
{
    return c->server->callbacks.ready(c->exchange) ? MHD_YES : MHD_NO;
}

static chs_next begin(chs_connection *c)
{
    chs_next next = CHS_RECEIVE;
    c->exchange = c->server->callbacks.begin(c->server->context, c, c->peer, &c->head, &next);
    return next;
}

static enum MHD_Result on_first_call(chs_connection *c, const char *method, const char *version)
{
    if (!chs_move(c, STAGE_HEAD, STAGE_CHECKED)) return MHD_NO;
    atomic_store(&c->deadline, 0);
    c->head.problem = read_head(c, method, version);
    const bool has_body = c->head.chunked || c->head.content_length > 0;
    if (c->head.problem == CHS_FINE && !has_body) return MHD_YES;

    atomic_store(&c->deadline, chs_now() + c->server->options.body_ms);
    const chs_next next = begin(c);
    if (next == CHS_ANSWER) {
        atomic_store(&c->deadline, 0);
        atomic_store(&c->stage, STAGE_BUSY);
        return ready(c);
    }
    pthread_mutex_lock(&c->server->lock);
    c->shared = true;
    pthread_mutex_unlock(&c->server->lock);
    atomic_store(&c->stage, STAGE_BODY);
    return MHD_YES;
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                 const char *version, const char *upload, size_t *upload_size, void **con_cls)
{
    (void)cls;
    (void)mhd;
    (void)url;
    chs_connection *c = *con_cls;
    if (c == NULL) return MHD_NO;
    const size_t count = *upload_size;
    *upload_size = 0;
    switch (atomic_load(&c->stage)) {
    case STAGE_HEAD: return on_first_call(c, method, version);
    case STAGE_CHECKED:
        begin(c);
        atomic_store(&c->stage, STAGE_BUSY);
        return ready(c);
    case STAGE_BODY:
        if (count > 0) {
            c->server->callbacks.body(c->exchange, (const uint8_t *)upload, count);
            return MHD_YES;
        }
        if (!chs_move(c, STAGE_BODY, STAGE_BUSY)) return MHD_NO;
        atomic_store(&c->deadline, 0);
        return ready(c);
    case STAGE_BUSY: return ready(c);
    case STAGE_LINGER: return count > 0 ? MHD_YES : MHD_NO;
    default: return MHD_NO;
    }
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode code)
{
    (void)mhd;
    chs_server *server = cls;
    chs_connection *c = *con_cls;
    if (c == NULL) return;
    *con_cls = NULL;
    void *exchange = c->exchange;
    if (c->shared) {
        pthread_mutex_lock(&server->lock);
        c->exchange = NULL;
        c->shared = c->peer_gone = c->told = false;
        chs_unwatch(c);
        pthread_mutex_unlock(&server->lock);
    } else {
        c->exchange = NULL;
    }
    atomic_fetch_add_explicit(&c->requests, 1, memory_order_relaxed);
    if (atomic_load(&c->stage) != STAGE_LINGER) {
        atomic_store(&c->deadline, chs_now() + server->options.idle_ms);
        atomic_store(&c->stage, STAGE_IDLE);
    }
    if (exchange != NULL) server->callbacks.completed(exchange, code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    chs_server *server = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        pthread_mutex_lock(&server->lock);
        chs_connection *c = chs_take_arriving(server, info->connect_fd);
        if (c != NULL) {
            c->mhd = mhd;
            chs_link(c);
        }
        pthread_mutex_unlock(&server->lock);
        *socket_context = c;
    } else if (*socket_context != NULL) {
        chs_bury(*socket_context);
        *socket_context = NULL;
    }
}

static void on_log(void *cls, const char *format, va_list arguments)
{
    const chs_server *server = cls;
    char text[512];
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\r\n")] = '\0';
    server->callbacks.log(server->context, false, text);
}

static void on_panic(void *cls, const char *file, unsigned line, const char *reason)
{
    (void)cls;
    fprintf(stderr, "profile-gateway: libmicrohttpd cannot go on (%s:%u): %s\n", file, line,
            reason == NULL ? "no reason given" : reason);
    abort();
}

static void set_panic(void) { MHD_set_panic_func(on_panic, NULL); }

// ---- event loops ----

bool chs_loops_start(chs_server *server)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_panic);
    // MHD_ALLOW_SUSPEND_RESUME contains MHD_USE_ITC in this version; both are said for the reader.
    const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME |
                           MHD_USE_ITC | MHD_USE_ERROR_LOG;
    // libmicrohttpd's own timeout counts inactivity in seconds: it catches clients that do not read their answer.
    const unsigned idle_seconds = server->options.idle_ms / 1000 + 1;
    for (; server->loop_count < server->options.threads; server->loop_count++) {
        struct MHD_Daemon *loop = MHD_start_daemon(
            flags, 0, NULL, NULL, on_access, server, MHD_OPTION_EXTERNAL_LOGGER, on_log, server,
            MHD_OPTION_CONNECTION_LIMIT, server->options.maximum_connections, MHD_OPTION_CONNECTION_TIMEOUT,
            idle_seconds, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION,
            on_connection, server, MHD_OPTION_URI_LOG_CALLBACK, on_target, server, MHD_OPTION_UNESCAPE_CALLBACK,
            on_unescape, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_END);
        if (loop == NULL) return false;
        server->loops[server->loop_count] = loop;
    }
    return true;
}

void chs_loops_stop(chs_server *server)
{
    for (unsigned i = 0; i < server->loop_count; i++) MHD_stop_daemon(server->loops[i]);
    server->loop_count = 0;
}

bool chs_loop_adopt(chs_connection *c, const struct sockaddr *address, socklen_t length)
{
    return MHD_add_connection(c->server->loops[c->loop], c->fd, address, length) == MHD_YES;
}

void chs_loop_suspend(chs_connection *c) { MHD_suspend_connection(c->mhd); }
void chs_loop_resume(chs_connection *c) { MHD_resume_connection(c->mhd); }

// ---- responses ----

chs_response *chs_response_copying(const void *bytes, size_t count)
{
    return (chs_response *)MHD_create_response_from_buffer(count, (void *)(uintptr_t)bytes,
                                                           count == 0 ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_COPY);
}

chs_response *chs_response_keeping(const void *bytes, size_t count, void *owner, void (*release)(void *))
{
    return (chs_response *)MHD_create_response_from_buffer_with_free_callback_cls(count, (void *)(uintptr_t)bytes,
                                                                                  release, owner);
}

struct stream {
    const chs_server *server;
    int fd;
    void *stream;
};

static ssize_t on_read(void *cls, uint64_t position, char *buffer, size_t capacity)
{
    (void)position;
    const struct stream *stream = cls;
    const ptrdiff_t count = stream->server->callbacks.read(stream->stream, (uint8_t *)buffer, capacity);
    if (count == CHS_END) return MHD_CONTENT_READER_END_OF_STREAM;
    if (count >= 0) return count;
    // What libmicrohttpd closes for an error of its reader it may keep until its time-out (0.9.75); what it fails to send
    // to, it lets go of. The byte goes nowhere.
    shutdown(stream->fd, SHUT_RDWR);
    *buffer = 0;
    return 1;
}

static void on_stream_end(void *cls)
{
    struct stream *stream = cls;
    stream->server->callbacks.release_stream(stream->stream);
    free(stream);
}

chs_response *chs_response_streaming(const chs_connection *c, void *stream)
{
    struct stream *box = malloc(sizeof *box);
    if (box == NULL) return NULL;
    *box = (struct stream){.server = c->server, .fd = c->fd, .stream = stream};
    // The block is used only for answers that are not chunked (HTTP/1.0).
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, on_read, box, on_stream_end);
    if (response == NULL) free(box);
    return (chs_response *)response;
}

bool chs_response_add(chs_response *response, const char *name, size_t name_length, const char *value,
                      size_t value_length)
{
    return chs_is_token(name, name_length) && chs_is_field_value(value, value_length) &&
           MHD_add_response_header(RESPONSE(response), name, value) == MHD_YES;
}

bool chs_connection_answer(chs_connection *c, unsigned status, chs_response *response)
{
    const enum MHD_Result queued = MHD_queue_response(c->mhd, status, RESPONSE(response));
    MHD_destroy_response(RESPONSE(response));
    return queued == MHD_YES;
}

void chs_response_drop(chs_response *response) { MHD_destroy_response(RESPONSE(response)); }
