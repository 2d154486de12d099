-- What wrk sends: METHOD PATH, with one of the tokens of a file in rotation and a body, all by the environment. Prints one line of
-- JSON at the end: counts, latencies in microseconds, and each status.
local method = os.getenv("BENCH_METHOD") or "GET"
local path = os.getenv("BENCH_PATH") or "/"
local body = os.getenv("BENCH_BODY")
local requests, statuses, threads = {}, {}, {}
local turn = 0

function setup(thread)
  table.insert(threads, thread)
  thread:set("offset", #threads * 7)
end

function init()
  local headers = { ["Host"] = "127.0.0.1" }
  if body then headers["Content-Type"] = "application/json" end
  local file = os.getenv("BENCH_TOKENS")
  if file then
    for token in io.lines(file) do
      headers["Authorization"] = "Bearer " .. token
      table.insert(requests, wrk.format(method, path, headers, body))
    end
  else
    table.insert(requests, wrk.format(method, path, headers, body))
  end
  turn = offset
  seen = {}
end

function request()
  turn = turn + 1
  return requests[turn % #requests + 1]
end

function response(status)
  seen[status] = (seen[status] or 0) + 1
  -- As text, because that is what passes between threads.
  local parts = {}
  for code, count in pairs(seen) do table.insert(parts, string.format('"%d":%d', code, count)) end
  counts = table.concat(parts, ",")
end

function done(summary, latency)
  for _, thread in ipairs(threads) do
    for code, count in string.gmatch(thread:get("counts") or "", '"(%d+)":(%d+)') do
      statuses[code] = (statuses[code] or 0) + tonumber(count)
    end
  end
  local parts = {}
  for code, count in pairs(statuses) do table.insert(parts, string.format('"%s":%d', code, count)) end
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"max_us":%d,"lost":%d,"timeouts":%d,"statuses":{%s}}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    errors.connect + errors.read + errors.write, errors.timeout, table.concat(parts, ",")))
end
