// Node's tls module with its defaults: see tests/peers/comparison.test. The words are those of
// compare.py.
'use strict';
const fs = require('fs');
const tls = require('tls');
const [role, ...words] = process.argv.slice(2);

function connect(port, ca, done) {
  const options = { host: 'localhost', port: Number(port) };
  if (ca) options.ca = fs.readFileSync(ca);
  return tls.connect(options, done);
}

if (role === 'connect') {
  const channel = connect(words[0], words[1], () => { console.log('ok'); process.exit(0); });
  channel.on('error', (error) => { console.log(`refused ${error.code || 'nothing'}`); process.exit(0); });
} else if (role === 'read') {
  const channel = connect(words[0], words[1]);
  channel.on('data', () => {});
  channel.on('error', () => { console.log('truncated'); process.exit(0); });
  channel.on('end', () => { console.log('end'); process.exit(0); });
} else {
  const server = tls.createServer({ cert: fs.readFileSync(words[0]), key: fs.readFileSync(words[1]) }, (channel) => {
    channel.on('error', () => {});
    channel.end('ok\n');
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
}
