// Asks one agent with npm's net-snmp and prints what comes as net-snmp's tools do with -OnetU -Ox, so that one reader does for both.
//   node client.js MODULE ADDRESS PORT VERSION WAY [OID...]
// WAY: walk N, subtree N (repetitions, 0: of GETNEXT), next (the chain by hand), get N (the OIDs on standard input, N at once),
// set OID TYPE VALUE (by community private), missing OID (what GET says of it).
const [module_, address, port, version, way, ...rest] = process.argv.slice(2);
const snmp = require(module_);
const T = snmp.ObjectType;

const hex = (b) => [...b].map((o) => o.toString(16).toUpperCase().padStart(2, "0") + " ").join("");
function printed(vb) {
  switch (vb.type) {
    case T.Integer: return `INTEGER: ${vb.value}`;
    case T.OctetString: return vb.value.length ? `Hex-STRING: ${hex(vb.value)}` : '""';
    case T.OID: return `OID: .${vb.value}`;
    case T.IpAddress: return `IpAddress: ${vb.value}`;
    case T.Counter: return `Counter32: ${vb.value}`;
    case T.Gauge: return `Gauge32: ${vb.value}`;
    case T.TimeTicks: return `${vb.value}`;
    case T.Counter64: return `Counter64: ${vb.value.length ? BigInt("0x" + vb.value.toString("hex")) : 0}`;
    case T.Null: return "NULL";
    case T.Opaque:
      if (vb.value.length === 7 && vb.value.readUIntBE(0, 3) === 0x9f7804) { return `Opaque: Float: ${vb.value.readFloatBE(3).toFixed(6)}`; }
      return `OPAQUE: ${hex(vb.value)}`;
    case T.NoSuchObject: return "No Such Object";
    case T.NoSuchInstance: return "No Such Instance";
    case T.EndOfMibView: return "End of MIB";
    default: return `type ${vb.type}`;
  }
}
const say = (varbinds) => {
  for (const vb of varbinds) { process.stdout.write(`.${vb.oid} = ${printed(vb)}\n`); }
};

const v1 = version === "1";
const session = snmp.createSession(address, way === "set" ? "private" : "public",
  { port: Number(port), version: v1 ? snmp.Version1 : snmp.Version2c, retries: 0, timeout: 4000 });
const end = (error) => {
  session.close();
  if (error) {
    process.stderr.write(`${error.name}: ${error.message}\n`);
    process.exitCode = 1;
  }
};
session.on("error", end);

// GETNEXT from where the last one came to.
function next(oid) {
  session.getNext([oid], (error, [vb] = []) => {
    if (error) { return end(v1 && error.status === snmp.ErrorStatus.NoSuchName ? null : error); }
    if (vb.type === T.EndOfMibView) { return end(); }
    say([vb]);
    next(vb.oid);
  });
}

function get(oids, n) {
  if (!oids.length) { return end(); }
  session.get(oids.splice(0, n), (error, varbinds) => {
    if (error) { return end(error); }
    say(varbinds);
    get(oids, n);
  });
}

const n = Number(rest[0]);
switch (way) {
  case "walk": session.walk("1.0", n || 20, say, end); break;
  case "subtree": session.subtree("1.3", n || 20, say, end); break;
  case "next": next("1.0"); break;
  case "get": get(require("fs").readFileSync(0, "latin1").split("\n").filter(Boolean), n); break;
  case "set": {
    const [oid, type, value] = rest;
    session.set([{ oid, type: T[type], value: type === "OctetString" ? value : Number(value) }], (error, vbs) => {
      if (!error) { say(vbs); }
      end(error);
    });
    break;
  }
  case "missing": session.get([rest[0]], (error, vbs) => {
    if (!error) { say(vbs); }
    end(error);
  }); break;
  default: end(new Error("no such way"));
}
