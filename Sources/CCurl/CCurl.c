// The only file that includes curl/curl.h.
//
// The loop drives libcurl through curl_multi_socket_action: work is proportional to the sockets that have
// something to say, not to the transfers that exist. Two system calls per request are saved by not
// unregistering a connection's socket from epoll when its transfer ends (`lazy`): the next transfer on the
// kept-alive connection wants the same events. This is safe only for sockets we see being closed, i.e.
// those opened by our own opensocket callback; others (the resolver's wake-up pair) are registered exactly.
#define _GNU_SOURCE
#include "CCurl.h"

#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_PER_WAIT 64
#define POOLED_TRANSFERS 256

enum { WANT_NONE = 0 };

typedef struct {
    uint32_t registered;  // the events epoll watches for; 0: not in the epoll set
    uint32_t wanted;      // the events libcurl asked for
    bool ours;            // opened and closed through our callbacks
} socket_slot;

struct ccurl_transfer {
    CURL *easy;
    ccurl_loop *loop;
    void *context;
    ccurl_transfer *next_free;
    char *header_lines;
    size_t header_capacity;
    struct curl_slist *nodes;
    size_t node_capacity;
    uint8_t *head;
    size_t head_length;
    size_t head_capacity;
    int status;
    bool head_done;       // the final head was delivered: later header lines are trailers
    bool pause_asked;     // the receiver asked for a pause
    bool paused;          // libcurl holds bytes back
    bool head_too_large;
    bool aborted;
    bool connected;
    char error_text[CURL_ERROR_SIZE];
};

struct ccurl_loop {
    CURLM *multi;
    int epoll;
    int wake;
    ccurl_callbacks callbacks;
    size_t maximum_head_bytes;
    char *proxy;
    char *ca_file;
    int64_t timer_due_ms;  // -1: none
    bool kick;             // transfers were added or resumed: run libcurl before waiting
    socket_slot *slots;
    size_t slot_count;
    ccurl_transfer *free_transfers;
    size_t free_count;
    struct epoll_event events[EVENTS_PER_WAIT];
    int event_count;
};

int64_t ccurl_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const char *ccurl_version(void) { return curl_version(); }

// MARK: sockets

static socket_slot *slot_of(ccurl_loop *loop, int fd) {
    if (fd < 0) return NULL;
    size_t index = (size_t)fd;
    if (index >= loop->slot_count) {
        size_t count = loop->slot_count ? loop->slot_count : 64;
        while (count <= index) count *= 2;
        socket_slot *grown = realloc(loop->slots, count * sizeof *grown);
        if (!grown) return NULL;
        memset(grown + loop->slot_count, 0, (count - loop->slot_count) * sizeof *grown);
        loop->slots = grown;
        loop->slot_count = count;
    }
    return &loop->slots[index];
}

static void watch(ccurl_loop *loop, int fd, socket_slot *slot, uint32_t events) {
    if (slot->registered == events) return;
    struct epoll_event event = {.events = events, .data.fd = fd};
    int operation = slot->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    int result = epoll_ctl(loop->epoll, operation, fd, &event);
    if (result < 0 && errno == EEXIST) result = epoll_ctl(loop->epoll, EPOLL_CTL_MOD, fd, &event);
    if (result < 0 && errno == ENOENT) result = epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event);
    slot->registered = result < 0 ? 0 : events;
}

static void unwatch(ccurl_loop *loop, int fd, socket_slot *slot) {
    if (slot->registered) epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
    slot->registered = 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user) {
    (void)easy;
    (void)socket_user;
    ccurl_loop *loop = user;
    // Never -1: libcurl would give up all transfers, not this one. A socket that cannot be watched (no memory, no
    // more watches) leaves its transfer to the timeouts.
    socket_slot *slot = slot_of(loop, fd);
    if (!slot) return 0;
    uint32_t events = 0;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) events |= EPOLLIN;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) events |= EPOLLOUT;
    slot->wanted = events;
    if (events != WANT_NONE) {
        watch(loop, fd, slot, events);
    } else if (!slot->ours) {
        unwatch(loop, fd, slot);
    }
    return 0;
}

static curl_socket_t on_open(void *user, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)purpose;
    ccurl_loop *loop = user;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
    if (fd < 0) return CURL_SOCKET_BAD;
    socket_slot *slot = slot_of(loop, fd);
    if (!slot) {
        close(fd);
        return CURL_SOCKET_BAD;
    }
    *slot = (socket_slot){.ours = true};
    return fd;
}

static int on_close(void *user, curl_socket_t fd) {
    ccurl_loop *loop = user;
    socket_slot *slot = slot_of(loop, fd);
    if (slot) *slot = (socket_slot){0};  // closing the last descriptor removes it from the epoll set
    return close(fd);
}

static int on_timer(CURLM *multi, long timeout_ms, void *user) {
    (void)multi;
    ccurl_loop *loop = user;
    loop->timer_due_ms = timeout_ms < 0 ? -1 : ccurl_now_ms() + timeout_ms;
    if (timeout_ms == 0) loop->kick = true;
    return 0;
}

// MARK: bytes

static bool append_head(ccurl_transfer *transfer, const char *bytes, size_t length) {
    size_t needed = transfer->head_length + length;
    if (needed > transfer->loop->maximum_head_bytes) {
        transfer->head_too_large = true;
        return false;
    }
    if (needed > transfer->head_capacity) {
        size_t capacity = transfer->head_capacity ? transfer->head_capacity : 1024;
        while (capacity < needed) capacity *= 2;
        uint8_t *grown = realloc(transfer->head, capacity);
        if (!grown) return false;
        transfer->head = grown;
        transfer->head_capacity = capacity;
    }
    memcpy(transfer->head + transfer->head_length, bytes, length);
    transfer->head_length = needed;
    return true;
}

static bool obey(ccurl_transfer *transfer, CurlFlow flow) {
    if (flow == CurlFlowAbort) transfer->aborted = true;
    if (flow == CurlFlowPause) transfer->pause_asked = true;
    return flow != CurlFlowAbort;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *user) {
    ccurl_transfer *transfer = user;
    size_t length = size * count;
    if (transfer->head_done) return length;  // trailers
    if (length > 9 && memcmp(bytes, "HTTP/", 5) == 0) {
        long status = 0;
        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
        transfer->status = (int)status;
        transfer->head_length = 0;
        return length;
    }
    bool empty = length == 0 || bytes[0] == '\r' || bytes[0] == '\n';
    if (!empty) return append_head(transfer, bytes, length) ? length : 0;
    if (transfer->status < 200) return length;  // 1xx: the real head follows
    transfer->head_done = true;
    CurlFlow flow = transfer->loop->callbacks.head(
        transfer->context, transfer->status, transfer->head, transfer->head_length);
    return obey(transfer, flow) ? length : 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user) {
    ccurl_transfer *transfer = user;
    size_t length = size * count;
    if (transfer->pause_asked) {
        transfer->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (length == 0) return 0;
    CurlFlow flow = transfer->loop->callbacks.body(transfer->context, (const uint8_t *)bytes, length);
    return obey(transfer, flow) ? length : 0;
}

static int on_prerequest(void *user, char *remote, char *local, int remote_port, int local_port) {
    (void)remote;
    (void)local;
    (void)remote_port;
    (void)local_port;
    ccurl_transfer *transfer = user;
    transfer->connected = true;
    return CURL_PREREQFUNC_OK;
}

// MARK: transfers

static void transfer_destroy(ccurl_transfer *transfer) {
    if (transfer->easy) curl_easy_cleanup(transfer->easy);
    free(transfer->header_lines);
    free(transfer->nodes);
    free(transfer->head);
    free(transfer);
}

// Options that never change; everything a request decides is set in ccurl_transfer_start, each time.
static ccurl_transfer *transfer_create(ccurl_loop *loop) {
    ccurl_transfer *transfer = calloc(1, sizeof *transfer);
    if (!transfer) return NULL;
    transfer->loop = loop;
    CURL *easy = transfer->easy = curl_easy_init();
    if (!easy) {
        free(transfer);
        return NULL;
    }
    bool good = true;
#define SET(option, value) good = good && curl_easy_setopt(easy, option, value) == CURLE_OK
    SET(CURLOPT_PRIVATE, transfer);
    SET(CURLOPT_ERRORBUFFER, transfer->error_text);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_NOPROGRESS, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_PROXY, loop->proxy ? loop->proxy : "");  // "" also shuts the environment out
    if (!loop->proxy) SET(CURLOPT_NOPROXY, "*");
    if (loop->ca_file) SET(CURLOPT_CAINFO, loop->ca_file);
    SET(CURLOPT_TCP_NODELAY, 1L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_TCP_KEEPIDLE, 30L);
    SET(CURLOPT_TCP_KEEPINTVL, 15L);
    // Without it, ending a transfer that still resolves a name joins the resolver's thread.
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open);
    SET(CURLOPT_OPENSOCKETDATA, loop);
    SET(CURLOPT_CLOSESOCKETFUNCTION, on_close);
    SET(CURLOPT_CLOSESOCKETDATA, loop);
    SET(CURLOPT_PREREQFUNCTION, on_prerequest);
    SET(CURLOPT_PREREQDATA, transfer);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, transfer);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, transfer);
#undef SET
    if (!good) {
        transfer_destroy(transfer);
        return NULL;
    }
    return transfer;
}

static void transfer_recycle(ccurl_transfer *transfer) {
    ccurl_loop *loop = transfer->loop;
    if (loop->free_count >= POOLED_TRANSFERS) {
        transfer_destroy(transfer);
        return;
    }
    curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, NULL);  // the body's memory is no longer ours
    transfer->context = NULL;
    transfer->next_free = loop->free_transfers;
    loop->free_transfers = transfer;
    loop->free_count++;
}

// One block of text and one block of list nodes per transfer, both reused, instead of two allocations per header.
static bool set_headers(ccurl_transfer *transfer, const ccurl_request *request) {
    // "Name:" keeps libcurl from adding that header itself.
    static char no_expect[] = "Expect:", no_content_type[] = "Content-Type:";
    size_t count = 0;
    for (size_t i = 0; i < request->header_bytes; i++) count += request->header_lines[i] == 0;
    if (request->header_bytes > transfer->header_capacity) {
        char *grown = realloc(transfer->header_lines, request->header_bytes);
        if (!grown) return false;
        transfer->header_lines = grown;
        transfer->header_capacity = request->header_bytes;
    }
    if (count + 2 > transfer->node_capacity) {
        struct curl_slist *grown = realloc(transfer->nodes, (count + 2) * sizeof *grown);
        if (!grown) return false;
        transfer->nodes = grown;
        transfer->node_capacity = count + 2;
    }
    if (count > 0) memcpy(transfer->header_lines, request->header_lines, request->header_bytes);
    struct curl_slist *nodes = transfer->nodes;
    bool typed = false;
    char *line = transfer->header_lines;
    for (size_t i = 0; i < count; i++) {
        nodes[i] = (struct curl_slist){.data = line, .next = &nodes[i + 1]};
        typed = typed || strncasecmp(line, no_content_type, sizeof no_content_type - 1) == 0;
        line += strlen(line) + 1;
    }
    nodes[count] = (struct curl_slist){.data = no_expect, .next = typed ? NULL : &nodes[count + 1]};
    nodes[count + 1] = (struct curl_slist){.data = no_content_type};
    return curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->nodes) == CURLE_OK;
}

static bool set_request(ccurl_transfer *transfer, const ccurl_request *request) {
    CURL *easy = transfer->easy;
    bool good = set_headers(transfer, request);
#define SET(option, value) good = good && curl_easy_setopt(easy, option, value) == CURLE_OK
    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
    SET(CURLOPT_CONNECTTIMEOUT_MS, request->connect_timeout_ms);
    SET(CURLOPT_CUSTOMREQUEST, NULL);
    SET(CURLOPT_NOBODY, 0L);
    bool post = strcmp(request->method, "POST") == 0;
    if (post || request->body_length > 0) {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDS, request->body_length > 0 ? (const char *)request->body : "");
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
    } else {
        SET(CURLOPT_HTTPGET, 1L);
    }
    if (strcmp(request->method, "HEAD") == 0) {
        SET(CURLOPT_NOBODY, 1L);
    } else if (!post && strcmp(request->method, "GET") != 0) {
        SET(CURLOPT_CUSTOMREQUEST, request->method);
    }
#undef SET
    return good;
}

ccurl_transfer *ccurl_transfer_start(
    ccurl_loop *loop, const ccurl_request *request, void *context, CurlOutcome *outcome) {
    ccurl_transfer *transfer = loop->free_transfers;
    if (transfer) {
        loop->free_transfers = transfer->next_free;
        loop->free_count--;
    } else {
        transfer = transfer_create(loop);
    }
    *outcome = CurlOutcomeOther;
    if (!transfer) return NULL;
    transfer->next_free = NULL;
    transfer->context = context;
    transfer->head_length = 0;
    transfer->status = 0;
    transfer->head_done = transfer->pause_asked = transfer->paused = false;
    transfer->head_too_large = transfer->aborted = transfer->connected = false;
    transfer->error_text[0] = 0;
    if (!set_request(transfer, request) || curl_multi_add_handle(loop->multi, transfer->easy) != CURLM_OK) {
        transfer_destroy(transfer);
        return NULL;
    }
    loop->kick = true;
    *outcome = CurlOutcomeComplete;
    return transfer;
}

void ccurl_transfer_cancel(ccurl_transfer *transfer) {
    curl_multi_remove_handle(transfer->loop->multi, transfer->easy);
    transfer_recycle(transfer);
}

static CurlOutcome outcome_of(const ccurl_transfer *transfer, CURLcode code) {
    if (transfer->aborted) return CurlOutcomeAborted;
    if (transfer->head_too_large) return CurlOutcomeHeadTooLarge;
    switch (code) {
    case CURLE_OK: return transfer->head_done ? CurlOutcomeComplete : CurlOutcomeOther;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return CurlOutcomeResolve;
    case CURLE_COULDNT_CONNECT: return CurlOutcomeConnect;
    // The only libcurl timeout in use is the one for connecting (name and handshake included).
    case CURLE_OPERATION_TIMEDOUT: return CurlOutcomeConnectTimeout;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR: return CurlOutcomeReset;
    case CURLE_PARTIAL_FILE: return CurlOutcomeTruncated;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_USE_SSL_FAILED:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_SHUTDOWN_FAILED:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS: return CurlOutcomeTLS;
    case CURLE_URL_MALFORMAT:
    case CURLE_LOGIN_DENIED: return CurlOutcomeBadURL;
    // Also libcurl's code for an answer that is no HTTP; only before connecting it is the URL's fault.
    case CURLE_UNSUPPORTED_PROTOCOL: return transfer->connected ? CurlOutcomeOther : CurlOutcomeBadURL;
    default: return CurlOutcomeOther;
    }
}

/// Takes the transfer out of libcurl's hands, returns it to the pool, and tells its owner.
static void finish(ccurl_transfer *transfer, CURLcode code) {
    ccurl_loop *loop = transfer->loop;
    curl_multi_remove_handle(loop->multi, transfer->easy);
    CurlOutcome outcome = outcome_of(transfer, code);
    char text[CURL_ERROR_SIZE];
    const char *reason = transfer->error_text[0] ? transfer->error_text : curl_easy_strerror(code);
    strncpy(text, reason, sizeof text - 1);
    text[sizeof text - 1] = 0;
    void *context = transfer->context;
    transfer_recycle(transfer);
    loop->callbacks.done(context, outcome, (int)code, text);
}

void ccurl_transfer_resume(ccurl_transfer *transfer) {
    transfer->pause_asked = false;
    if (!transfer->paused) return;
    transfer->paused = false;
    // Delivers what was held back; if the receiver gives up meanwhile, libcurl tells us only here.
    CURLcode code = curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
    transfer->loop->kick = true;
    if (code != CURLE_OK) finish(transfer, code);
}

static void deliver_finished(ccurl_loop *loop) {
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(loop->multi, &left))) {
        if (message->msg != CURLMSG_DONE) continue;
        ccurl_transfer *transfer = NULL;
        CURLcode code = message->data.result;  // the message dies with the removal
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        finish(transfer, code);
    }
}

// MARK: loop

void ccurl_enter_thread(const char *name) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    pthread_setname_np(pthread_self(), name);
}

ccurl_loop *ccurl_loop_create(const ccurl_options *options, const ccurl_callbacks *callbacks) {
    // Thread-safe in the libcurl of Debian 12 (feature "threadsafe"), and counted.
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return NULL;
    ccurl_loop *loop = calloc(1, sizeof *loop);
    if (!loop) {
        curl_global_cleanup();
        return NULL;
    }
    loop->callbacks = *callbacks;
    loop->maximum_head_bytes = options->maximum_head_bytes;
    loop->timer_due_ms = -1;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->multi = curl_multi_init();
    bool good = loop->epoll >= 0 && loop->wake >= 0 && loop->multi;
    if (good && options->proxy) good = (loop->proxy = strdup(options->proxy)) != NULL;
    if (good && options->ca_file) good = (loop->ca_file = strdup(options->ca_file)) != NULL;
    if (good) {
        // Edge-triggered: each write is an edge, so the counter never needs to be read.
        struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = loop->wake};
        good = epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, &event) == 0;
    }
#define SET(option, value) good = good && curl_multi_setopt(loop->multi, option, value) == CURLM_OK
    SET(CURLMOPT_SOCKETFUNCTION, on_socket);
    SET(CURLMOPT_SOCKETDATA, loop);
    SET(CURLMOPT_TIMERFUNCTION, on_timer);
    SET(CURLMOPT_TIMERDATA, loop);
    SET(CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    SET(CURLMOPT_MAXCONNECTS, options->maximum_idle_connections);
    SET(CURLMOPT_MAX_HOST_CONNECTIONS, options->maximum_connections_per_host);
#undef SET
    if (!good) {
        ccurl_loop_destroy(loop);
        return NULL;
    }
    return loop;
}

void ccurl_loop_close(ccurl_loop *loop) {
    while (loop->free_transfers) {
        ccurl_transfer *transfer = loop->free_transfers;
        loop->free_transfers = transfer->next_free;
        transfer_destroy(transfer);
    }
    if (loop->multi) curl_multi_cleanup(loop->multi);
    loop->multi = NULL;
}

void ccurl_loop_destroy(ccurl_loop *loop) {
    ccurl_loop_close(loop);
    if (loop->epoll >= 0) close(loop->epoll);
    if (loop->wake >= 0) close(loop->wake);
    free(loop->slots);
    free(loop->proxy);
    free(loop->ca_file);
    free(loop);
    curl_global_cleanup();
}

void ccurl_loop_wake(ccurl_loop *loop) {
    uint64_t one = 1;
    // Can only fail when the counter is full, and then the loop is awake already.
    ssize_t written = write(loop->wake, &one, sizeof one);
    (void)written;
}

static void run_due(ccurl_loop *loop) {
    int running;
    bool timer_due = loop->timer_due_ms >= 0 && ccurl_now_ms() >= loop->timer_due_ms;
    if (!loop->kick && !timer_due) return;
    loop->kick = false;
    if (timer_due) loop->timer_due_ms = -1;
    curl_multi_socket_action(loop->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    deliver_finished(loop);
}

static void run_event(ccurl_loop *loop, const struct epoll_event *event) {
    int fd = event->data.fd;
    if (fd == loop->wake) return;
    socket_slot *slot = slot_of(loop, fd);
    if (!slot || !slot->registered) return;
    if (slot->wanted == WANT_NONE) {  // an idle connection spoke or closed: libcurl looks before reusing it
        unwatch(loop, fd, slot);
        return;
    }
    int mask = 0, running;
    if (event->events & EPOLLIN) mask |= CURL_CSELECT_IN;
    if (event->events & EPOLLOUT) mask |= CURL_CSELECT_OUT;
    if (event->events & (EPOLLERR | EPOLLHUP)) mask |= CURL_CSELECT_IN | CURL_CSELECT_ERR;
    curl_multi_socket_action(loop->multi, fd, mask, &running);
}

void ccurl_loop_wait(ccurl_loop *loop, int timeout_ms) {
    int wait = timeout_ms;
    if (loop->kick) {
        wait = 0;
    } else if (loop->timer_due_ms >= 0) {
        int64_t due = loop->timer_due_ms - ccurl_now_ms();
        if (due < 0) due = 0;
        if (wait < 0 || due < wait) wait = (int)due;
    }
    int count = epoll_wait(loop->epoll, loop->events, EVENTS_PER_WAIT, wait);
    loop->event_count = count > 0 ? count : 0;
}

void ccurl_loop_dispatch(ccurl_loop *loop) {
    for (int i = 0; i < loop->event_count; i++) run_event(loop, &loop->events[i]);
    if (loop->event_count > 0) deliver_finished(loop);
    loop->event_count = 0;
    run_due(loop);
}
