-- POST of the JSON document in the file named by BENCH_BODY.
dofile(os.getenv("BENCH_WRK") .. "/report.lua")

local file = assert(io.open(os.getenv("BENCH_BODY"), "rb"))
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = "application/json"
file:close()
