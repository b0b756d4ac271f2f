// The rules a request head must meet before anybody interprets it (RFC 9110 §5, RFC 9112 §2, §3.2, §6).
//
// libmicrohttpd accepts much that two programs can read differently: two lengths, a length beside a transfer coding,
// blanks before the colon, two hosts. A proxy that reads such a request differently from us can be made to smuggle
// one, so each of these is refused and the connection closed. Pure functions over bytes.

#include <string.h>
#include <strings.h>

#include "internal.h"

// tchar of RFC 9110 §5.6.2.
static bool is_tchar(unsigned char c)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && memchr(others, c, sizeof others - 1) != NULL);
}

bool chs_is_token(const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!is_tchar((unsigned char)bytes[i])) return false;
    return count > 0;
}

bool chs_is_field_value(const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const unsigned char c = (unsigned char)bytes[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
    }
    return true;
}

static bool is_named(const chs_head *head, const chs_field *field, const char *name, size_t length)
{
    return field->name_length == length && strncasecmp(head->block + field->name, name, length) == 0;
}
#define IS_NAMED(head, field, name) is_named(head, field, name, sizeof name - 1)

static bool value_is(const chs_head *head, const chs_field *field, const char *text)
{
    return field->value_length == strlen(text) &&
           strncasecmp(head->block + field->value, text, field->value_length) == 0;
}

// At most 18 digits, so that it fits; libmicrohttpd refuses signs and blanks itself.
static int64_t parse_length(const char *digits, size_t count)
{
    if (count == 0 || count > 18) return -1;
    int64_t length = 0;
    for (size_t i = 0; i < count; i++) {
        if (digits[i] < '0' || digits[i] > '9') return -1;
        length = length * 10 + (digits[i] - '0');
    }
    return length;
}

static bool is_host(const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const unsigned char c = (unsigned char)bytes[i];
        if (c <= 0x20 || c >= 0x7f || strchr("/\\?#@,<>\"{}|^`", c) != NULL) return false;
    }
    return count > 0;
}

chs_problem chs_check_fields(chs_head *head, bool is_http_1_0)
{
    bool has_length = false, has_coding = false, has_host = false;
    for (size_t i = 0; i < head->field_count; i++) {
        const chs_field *field = &head->fields[i];
        const char *value = head->block + field->value;
        if (!chs_is_token(head->block + field->name, field->name_length)) return CHS_BAD_HEADER_NAME;
        if (!chs_is_field_value(value, field->value_length)) return CHS_BAD_HEADER_VALUE;
        if (IS_NAMED(head, field, "content-length")) {
            if (has_length) return CHS_DUPLICATE_CONTENT_LENGTH;
            has_length = true;
            head->content_length = parse_length(value, field->value_length);
            if (head->content_length < 0) return CHS_BAD_CONTENT_LENGTH;
        } else if (IS_NAMED(head, field, "transfer-encoding")) {
            // An HTTP/1.0 message has no transfer coding (RFC 9112 §6.1). To libmicrohttpd blanks after the name are
            // part of it: it would take the coding for an unknown one and read the body up to the end of the connection.
            if (has_coding || is_http_1_0 || !value_is(head, field, "chunked") || value[field->value_length] != '\0')
                return CHS_BAD_TRANSFER_CODING;
            has_coding = true;
        } else if (IS_NAMED(head, field, "host")) {
            if (has_host) return CHS_DUPLICATE_HOST;
            has_host = true;
            if (!is_host(value, field->value_length)) return CHS_BAD_HOST;
        } else if (IS_NAMED(head, field, "expect")) {
            if (!value_is(head, field, "100-continue")) return CHS_BAD_EXPECT;
            head->expects_continue = !is_http_1_0;
        }
    }
    if (has_length && has_coding) return CHS_LENGTH_AND_CODING;
    if (!has_host && !is_http_1_0) return CHS_MISSING_HOST;
    head->chunked = has_coding;
    return CHS_FINE;
}
