-- Both families, prefixes, a link-local address with its zone, an index that cannot be read; IPv6 alone in the newer table; no such
-- table at all.
return { probe = "../../scripts/ip_addresses.lua", recordings = { "ip_addresses.snmprec", "ip_addresses_v6_only.snmprec", "../recordings/router.snmprec" }, runs = 1 }
