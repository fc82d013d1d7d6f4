// A Node program under measurement: the counterpart of peer.c, the same words and output.
//   node subject.js server cert key
//   node subject.js client port ca task count bytes version resume
'use strict';
const fs = require('fs');
const tls = require('tls');
const block = Buffer.from('0123456789abcdef'.repeat(4096));

function give(channel, count, done) {
  while (count > 0) {
    const step = Math.min(count, block.length);
    count -= step;
    if (!channel.write(block.subarray(0, step)) && count > 0) {
      channel.once('drain', () => give(channel, count, done));
      return;
    }
  }
  if (done) done();
}

function serve(channel) {
  let state = null;
  let text = '';
  channel.setNoDelay(true);
  channel.on('error', () => channel.destroy());
  channel.on('data', (data) => {
    if (state === 'u') {
      channel.left -= data.length;
      if (channel.left <= 0) { state = null; channel.write('ok\n'); }
      return;
    }
    if (state === 'p') {
      channel.write(data);
      channel.left -= 1;
      if (channel.left <= 0) state = null;
      return;
    }
    text += data.toString('latin1');
    const end = text.indexOf('\n');
    if (end < 0) return;
    const [task, count] = text.slice(0, end).split(' ');
    const rest = text.length - end - 1;
    text = '';
    if (task === 'd') give(channel, Number(count));
    else if (task === 'u') { state = 'u'; channel.left = Number(count) - rest; } else if (task === 'p') { state = 'p'; channel.left = Number(count); } else channel.write('ok\n');
  });
}

function server(cert, key) {
  const listener = tls.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, serve);
  listener.on('tlsClientError', () => {});
  listener.listen(0, '127.0.0.1', () => console.log(listener.address().port));
}

function client(port, ca, task, count, bytes, version, resume) {
  const options = {
    host: '127.0.0.1', port: Number(port), servername: 'localhost', ca: fs.readFileSync(ca),
    minVersion: version === 'tls1.2' ? 'TLSv1.2' : 'TLSv1.3', maxVersion: version === 'tls1.2' ? 'TLSv1.2' : 'TLSv1.3',
  };
  options.secureContext = tls.createSecureContext(options);
  let session; let resumed = 0; let left = Number(count);
  const size = Number(bytes);
  const start = process.hrtime.bigint(); const cpu = process.cpuUsage();
  function next() {
    if (left-- === 0) {
      const used = process.cpuUsage(cpu);
      console.log(`${(Number(process.hrtime.bigint() - start) / 1e9).toFixed(6)} ${((used.user + used.system) / 1e6).toFixed(6)} ${resumed}`);
      process.exit(0);
    }
    const channel = tls.connect({ ...options, session });
    let got = 0; let rounds = 0;
    channel.setNoDelay(true);
    if (resume === '1') channel.on('session', (value) => { session = value; });
    channel.on('error', (error) => { console.error(error.message); process.exit(1); });
    channel.on('secureConnect', () => {
      if (channel.isSessionReused()) resumed += 1;
      channel.write(`${task} ${size}\n`);
      if (task === 'p') channel.write('12345\n');
      if (task === 'u') give(channel, size);
    });
    channel.on('data', (data) => {
      got += data.length;
      if (task === 'p') {
        if (got >= 6 * (rounds + 1)) { rounds += 1; if (rounds < size) channel.write('12345\n'); else channel.end(); }
      } else if (got >= (task === 'd' ? size : 3)) channel.end();
    });
    channel.on('close', next);
  }
  next();
}

const words = process.argv.slice(3);
if (process.argv[2] === 'server') server(...words); else client(...words);
