-- GET of a profile drawn at random from all tenants; arguments: number of tenants, number of profiles.
-- The requests are made before the clock starts, so that Lua's string work is not what is measured.
dofile(os.getenv("BENCH_WRK") .. "/report.lua")

local requests = {}

function init(arguments)
    local tenants, profiles = tonumber(arguments[1]), tonumber(arguments[2])
    for tenant = 0, tenants - 1 do
        for profile = 0, profiles - 1 do
            local path = string.format("/t/t%04d/api/chat/profiles/profile-%03d", tenant, profile)
            requests[#requests + 1] = wrk.format("GET", path)
        end
    end
    math.randomseed(20260223)
end

function request()
    return requests[math.random(#requests)]
end
