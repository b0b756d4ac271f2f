// The only file that includes RE2's header.

#include "CRE2.h"

#include <re2/re2.h>

#include <time.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>

struct CRE2Pattern {
    RE2 expression;

    CRE2Pattern(const re2::StringPiece &source, const RE2::Options &options) : expression(source, options) {}
};

namespace {

re2::StringPiece piece(const uint8_t *bytes, size_t length) {
    // RE2 cannot tell a null text from no match.
    return length == 0 ? re2::StringPiece("", 0) : re2::StringPiece(reinterpret_cast<const char *>(bytes), length);
}

void describe(CRE2Failure *failure, const std::string &reason, const std::string &fragment) {
    const size_t reason_length = std::min(reason.size(), sizeof(failure->reason) - 1);
    std::memcpy(failure->reason, reason.data(), reason_length);
    failure->reason[reason_length] = '\0';
    failure->fragment_length = std::min(fragment.size(), sizeof(failure->fragment));
    std::memcpy(failure->fragment, fragment.data(), failure->fragment_length);
}

void describe_exhaustion(CRE2Failure *failure) {
    static const char reason[] = "out of memory";
    std::memcpy(failure->reason, reason, sizeof(reason));
    failure->fragment_length = 0;
}

bool is_character_start(const re2::StringPiece &text, size_t position) {
    return position == text.size() || (static_cast<unsigned char>(text[position]) & 0xC0) != 0x80;
}

size_t next_character_start(const re2::StringPiece &text, size_t position) {
    while (!is_character_start(text, position)) position += 1;
    return position;
}

int64_t processor_time() {
    struct timespec now;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) return 0;
    return static_cast<int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
}

/// Takes the processor time that passes during its life from a budget.
class Meter {
  public:
    explicit Meter(int64_t *nanoseconds_left) : left_(nanoseconds_left), last_(processor_time()) {}
    ~Meter() { (void)is_exhausted(); }
    Meter(const Meter &) = delete;
    Meter &operator=(const Meter &) = delete;

    bool is_exhausted() {
        const int64_t now = processor_time();
        *left_ -= now - last_;
        last_ = now;
        return *left_ < 0;
    }

  private:
    int64_t *left_;
    int64_t last_;
};

}  // namespace

CRE2Pattern *cre2_create(const uint8_t *source, size_t length, CRE2Options options, CRE2Failure *failure) {
    try {
        RE2::Options settings;
        settings.set_log_errors(false);
        settings.set_max_mem(options.maximum_memory);
        settings.set_case_sensitive(!options.is_case_insensitive);
        settings.set_literal(options.is_literal);
        settings.set_dot_nl(options.dot_matches_newline);
        auto pattern = std::make_unique<CRE2Pattern>(piece(source, length), settings);
        if (!pattern->expression.ok()) {
            describe(failure, pattern->expression.error(), pattern->expression.error_arg());
        } else if (pattern->expression.ProgramSize() > options.maximum_program_size) {
            describe(failure, "pattern too large - compiles to " + std::to_string(pattern->expression.ProgramSize()) +
                                  " instructions, more than " + std::to_string(options.maximum_program_size),
                     "");
        } else {
            return pattern.release();
        }
    } catch (const std::exception &) {
        describe_exhaustion(failure);
    }
    return nullptr;
}

void cre2_free(CRE2Pattern *pattern) { delete pattern; }

CRE2Outcome cre2_test(const CRE2Pattern *pattern, const uint8_t *text, size_t length) {
    try {
        const re2::StringPiece subject = piece(text, length);
        const bool found = pattern->expression.Match(subject, 0, length, RE2::UNANCHORED, nullptr, 0);
        return found ? CRE2OutcomeFound : CRE2OutcomeNotFound;
    } catch (const std::exception &) {
        return CRE2OutcomeFailed;
    }
}

CRE2Outcome cre2_find(const CRE2Pattern *pattern, const uint8_t *text, size_t length, size_t start, size_t reach,
                      int64_t *nanoseconds_left, CRE2Range *range) {
    Meter meter(nanoseconds_left);
    if (*nanoseconds_left < 0) return CRE2OutcomeExhausted;
    try {
        const re2::StringPiece subject = piece(text, length);
        size_t from = next_character_start(subject, std::min(start, length));
        for (;;) {
            // Two reaches: a match that starts in the first half lies within the window if it is no longer than one.
            const size_t rest = length - from;
            const size_t end = rest / 2 <= reach ? length : from + 2 * reach;
            re2::StringPiece match;
            if (!pattern->expression.Match(subject, from, end, RE2::UNANCHORED, &match, 1)) {
                if (end == length) return CRE2OutcomeNotFound;
                if (meter.is_exhausted()) return CRE2OutcomeExhausted;
                from = next_character_start(subject, from + reach);
                continue;
            }
            const size_t found = static_cast<size_t>(match.data() - subject.data());
            if (end != length && found - from > reach) {
                // It may have been cut by the window: look again from where it starts.
                from = found;
                continue;
            }
            if (match.empty() && !is_character_start(subject, found)) {
                // `\B` and the like also match between the bytes of one character.
                from = next_character_start(subject, found);
                continue;
            }
            *range = CRE2Range{found, found + match.size()};
            return CRE2OutcomeFound;
        }
    } catch (const std::exception &) {
        return CRE2OutcomeFailed;
    }
}
