-- Everything under two subtrees, one sample an instance, to be held against what another manager reads.
return {
  every = 60, timeout = 30,
  run = function(device, out)
    for _, root in ipairs { "1.3.6.1.2.1.1", "1.3.6.1.2.1.2" } do
      for oid, value in device:walk(root) do
        if type(value) == "number" then
          out:with { index = oid }:gauge("value", value)
        else
          out:with { index = oid }:info("value", value)
        end
      end
    end
  end,
}
