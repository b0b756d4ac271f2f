#include "CHTTPServer.h"
extern const int pgw_http_server_placeholder;
