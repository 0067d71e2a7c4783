// Asks an agent as each user of a list with npm's net-snmp: get, walk, set and get again; one line a user.
//   node --openssl-legacy-provider v3.js MODULE ADDRESS PORT    standard input: [{ name, auth, auth_pass, priv, priv_pass, context }...]
const [module_, address, port] = process.argv.slice(2);
const snmp = require(module_);
const users = JSON.parse(require("fs").readFileSync(0));
const name = "1.3.6.1.2.1.1.5.0";

function session(user) {
  const level = user.priv ? "authPriv" : user.auth ? "authNoPriv" : "noAuthNoPriv";
  return snmp.createV3Session(address, {
    name: user.name, level: snmp.SecurityLevel[level], authProtocol: snmp.AuthProtocols[user.auth], authKey: user.auth_pass,
    privProtocol: snmp.PrivProtocols[user.priv], privKey: user.priv_pass,
  }, { port: Number(port), version: snmp.Version3, retries: 0, timeout: 2000, context: user.context || "" });
}

function ask(user, done) {
  const s = session(user);
  const end = (text) => { s.close(); done(`${user.name}: ${text}`); };
  const step = (next) => (error, vbs) => (error ? end(`${error.name}: ${error.message}`) : next(vbs));
  let walked = 0;
  s.on("error", (error) => end(`${error.name}: ${error.message}`));
  s.get([name], step(() => s.subtree("1.3.6.1.2.1.1", 5, (vbs) => { walked += vbs.length; }, step(() => {
    const value = `set by ${user.name}`;
    s.set([{ oid: name, type: snmp.ObjectType.OctetString, value }], step(() => s.get([name], step((vbs) => {
      end(vbs[0].value.toString() === value ? `ok ${walked}` : `got ${vbs[0].value}`);
    }))));
  }))));
}

(function next() {
  const user = users.shift();
  if (user) { ask(user, (line) => { console.log(line); next(); }); }
})();
