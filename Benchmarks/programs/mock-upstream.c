// A model provider that costs next to nothing: an OpenAI-compatible chat completion endpoint with a constant answer,
// one epoll thread, keep-alive. A body that holds "stream":true is answered with 20 server-sent events and [DONE].
// It serves both the gateway and nginx, so that what is measured is what stands in front of it.
//   mock-upstream PORT        prints "ready" when it listens; ends with its standard input
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { input_capacity = 256 * 1024, output_capacity = 64 * 1024, most_events = 256, stream_events = 20 };

struct connection {
    int descriptor;
    size_t input_length;
    size_t output_length;
    size_t output_sent;
    bool closing;
    char input[input_capacity];
    char output[output_capacity];
};

static char plain_answer[4096];
static size_t plain_length;
static char stream_answer[16384];
static size_t stream_length;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void prepare_answers(void) {
    const char *body =
        "{\"id\":\"chatcmpl-bench0000000000000000000001\",\"object\":\"chat.completion\",\"created\":1700000000,"
        "\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
        "\"The quick brown fox jumps over the lazy dog, and the lazy dog, being lazy, lets it.\"},"
        "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":57,\"completion_tokens\":21,"
        "\"total_tokens\":78},\"system_fingerprint\":\"fp_bench\"}";
    plain_length = (size_t)snprintf(plain_answer, sizeof plain_answer,
                                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                                    strlen(body), body);
    size_t at = (size_t)snprintf(
        stream_answer, sizeof stream_answer,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int index = 0; index <= stream_events; index++) {
        char event[512];
        int length =
            index == stream_events
                ? snprintf(event, sizeof event, "data: [DONE]\n\n")
                : snprintf(event, sizeof event,
                           "data: {\"id\":\"chatcmpl-bench01\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
                           "\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word%d \"},"
                           "\"finish_reason\":%s}]}\n\n",
                           index, index == stream_events - 1 ? "\"stop\"" : "null");
        at += (size_t)snprintf(stream_answer + at, sizeof stream_answer - at, "%x\r\n%s\r\n", (unsigned)length, event);
    }
    at += (size_t)snprintf(stream_answer + at, sizeof stream_answer - at, "0\r\n\r\n");
    stream_length = at;
}

// The value of Content-Length in a head that ends with an empty line; 0 when there is none, -1 when it is chunked.
static long body_length(const char *head, size_t length) {
    const char *end = head + length;
    for (const char *line = head; line < end;) {
        const char *next = memmem(line, (size_t)(end - line), "\r\n", 2);
        if (next == NULL) break;
        if (strncasecmp(line, "content-length:", 15) == 0) return atol(line + 15);
        if (strncasecmp(line, "transfer-encoding:", 18) == 0) return -1;
        line = next + 2;
    }
    return 0;
}

static void append(struct connection *connection, const char *bytes, size_t length) {
    if (connection->output_length + length > output_capacity) {
        connection->closing = true;  // a client that pipelines more than it reads
        return;
    }
    memcpy(connection->output + connection->output_length, bytes, length);
    connection->output_length += length;
}

// Answers every complete request in the input; what is left is the beginning of the next one.
static void answer_requests(struct connection *connection) {
    size_t at = 0;
    while (at < connection->input_length && !connection->closing) {
        char *start = connection->input + at;
        size_t available = connection->input_length - at;
        char *blank = memmem(start, available, "\r\n\r\n", 4);
        if (blank == NULL) break;
        size_t head = (size_t)(blank - start) + 4;
        long body = body_length(start, head);
        if (body < 0) {
            static const char refusal[] = "HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            append(connection, refusal, sizeof refusal - 1);
            connection->closing = true;
            break;
        }
        if (available < head + (size_t)body) break;
        bool streams = memmem(start + head, (size_t)body, "\"stream\":true", 13) != NULL;
        append(connection, streams ? stream_answer : plain_answer, streams ? stream_length : plain_length);
        at += head + (size_t)body;
    }
    memmove(connection->input, connection->input + at, connection->input_length - at);
    connection->input_length -= at;
}

// False when the connection is over.
static bool flush_output(int poller, struct connection *connection) {
    while (connection->output_sent < connection->output_length) {
        ssize_t sent = send(connection->descriptor, connection->output + connection->output_sent,
                            connection->output_length - connection->output_sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = connection};
            return epoll_ctl(poller, EPOLL_CTL_MOD, connection->descriptor, &event) == 0;
        }
        if (sent < 0) return false;
        connection->output_sent += (size_t)sent;
    }
    connection->output_sent = connection->output_length = 0;
    return !connection->closing;
}

static bool serve(int poller, struct connection *connection, unsigned events) {
    if (events & EPOLLIN) {
        if (connection->input_length == input_capacity) return false;
        ssize_t received = recv(connection->descriptor, connection->input + connection->input_length,
                                input_capacity - connection->input_length, 0);
        if (received == 0) return false;
        if (received < 0) return errno == EAGAIN;
        connection->input_length += (size_t)received;
        answer_requests(connection);
    } else if (events & (EPOLLERR | EPOLLHUP)) {
        return false;
    }
    return flush_output(poller, connection);
}

static void accept_all(int poller, int listener) {
    for (;;) {
        int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0) return;
        int on = 1;
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *connection = malloc(sizeof *connection);
        if (connection == NULL) fail("malloc");
        connection->descriptor = descriptor;
        connection->input_length = connection->output_length = connection->output_sent = 0;
        connection->closing = false;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) != 0) fail("epoll_ctl");
    }
}

int main(int argument_count, char **arguments) {
    if (argument_count != 2) {
        fprintf(stderr, "usage: mock-upstream PORT\n");
        return 2;
    }
    prepare_answers();
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(arguments[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 511) != 0) fail("listen");

    int poller = epoll_create1(EPOLL_CLOEXEC);
    // The two descriptors that are no connection are told apart by the address of their variable.
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listener};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) != 0) fail("epoll_ctl");
    event = (struct epoll_event){.events = EPOLLIN, .data.ptr = &poller};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0) fail("epoll_ctl: standard input must be a pipe");
    puts("ready");
    fflush(stdout);

    for (;;) {
        struct epoll_event ready[most_events];
        int count = epoll_wait(poller, ready, most_events, -1);
        if (count < 0 && errno != EINTR) fail("epoll_wait");
        for (int index = 0; index < count; index++) {
            void *which = ready[index].data.ptr;
            if (which == &poller) {
                char ignored[64];
                if (read(STDIN_FILENO, ignored, sizeof ignored) <= 0) return 0;
            } else if (which == &listener) {
                accept_all(poller, listener);
            } else if (!serve(poller, which, ready[index].events)) {
                close(((struct connection *)which)->descriptor);
                free(which);
            }
        }
    }
}
