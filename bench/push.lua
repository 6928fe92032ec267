-- Every request is another push: its call id and callee number are drawn from a serial number, the rest is the same.
local file = assert(io.open(os.getenv("BENCH_BODY"), "rb"))
local body = file:read("*a")
file:close()
local first = tonumber(os.getenv("BENCH_FIRST"))

local function split(text, mark)
  local from, to = text:find(mark, 1, true)
  return text:sub(1, from - 1), text:sub(to + 1)
end

local before, rest = split(body, "@NUMBER@@")
local between, after = split(rest, "@CALL_ID@@@@@@@@@@@@@@@@@@@@@@@@")
local length = #body
local head = "POST " .. wrk.path .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
  .. "User-Agent: Airudder\r\nContent-Length: " .. length .. "\r\n\r\n" .. before
local serial = first

-- A factor spreads what rises by one, so that indexes see the order of a real campaign; the product stays exact.
request = function()
  serial = serial + 1
  local spread = (serial * 2999999) % 999999937
  return head .. string.format("%09d", spread) .. between .. string.format("%09d%023d", spread, serial) .. after
end

done = function(summary, latency, requests)
  local errors = summary.errors
  print(string.format(
    'BENCH {"seconds": %f, "answers": %d, "p50_ms": %f, "p99_ms": %f, "max_ms": %f, "refused": %d, "failed": %d}',
    summary.duration / 1e6, summary.requests, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
