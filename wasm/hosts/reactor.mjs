// A host of gateway.wasm, written by docs/abi.md: one call, its text as it comes, then its result. Node 20, no library.
//   API_KEY=... node wasm/hosts/reactor.mjs bin/gateway.wasm https://api.openai.com/v1 MODEL "question"
import { readFile } from "node:fs/promises";
const [path, endpoint, model, question] = process.argv.slice(2);
const kinds = { configure: 1, call: 3, head: 5, chunk: 6, end: 7, fail: 8, fire: 9, fetch: 66, abort: 67, timer: 68, delta: 69, result: 70 };
// As much of WASI as a Go module needs that opens nothing; the rest is refused.
const bytes = (at, n) => new Uint8Array(guest.memory.buffer, at, n);
const nothing = (count, size) => (bytes(count, 4).fill(0), bytes(size, 4).fill(0), 0);
const wasi = new Proxy({
  args_sizes_get: nothing, environ_sizes_get: nothing,
  random_get: (at, n) => (crypto.getRandomValues(bytes(at, n)), 0),
  clock_time_get: (id, precision, at) => (new DataView(guest.memory.buffer).setBigUint64(at, BigInt(Date.now()) * 1000000n, true), 0),
  proc_exit: (code) => { throw new Error(`the module exited with ${code}`); },
}, { get: (known, name) => known[name] ?? (() => (name.startsWith("fd_") ? 8 /* EBADF */ : 52 /* ENOSYS */)) });
const guest = (await WebAssembly.instantiate(await readFile(path), { wasi_snapshot_preview1: wasi })).instance.exports;
guest._initialize();
if (guest.gw_abi_version() !== 1) throw new Error("this host speaks version 1 of the interface");

// step takes one event into the guest and performs the effects. What it throws ends the program.
function step(kind, id, meta, body = "") {
  const json = Buffer.from(meta ? JSON.stringify(meta) : ""), frame = Buffer.concat([Buffer.alloc(32), json, Buffer.from(body)]);
  frame[0] = kind, frame.writeUInt32LE(json.length, 4), frame.writeUInt32LE(frame.length - 32 - json.length, 8);
  frame.writeBigUInt64LE(id, 16), frame.writeBigInt64LE(BigInt(Date.now()), 24);
  bytes(guest.gw_buffer(frame.length) >>> 0, frame.length).set(frame);
  const packed = BigInt.asUintN(64, guest.gw_step(frame.length)), length = Number(packed & 0xffffffffn);
  if (length === 0xffffffff) throw new Error(`gw_step failed for reason ${packed >> 32n}`);
  let out = Buffer.from(bytes(Number(packed >> 32n), length)); // a copy: the next step overwrites it
  for (let bodyEnd; out.length > 0; out = out.subarray(bodyEnd)) {
    const metaEnd = 32 + out.readUInt32LE(4), meta = metaEnd > 32 ? JSON.parse(out.toString("utf8", 32, metaEnd)) : {};
    bodyEnd = metaEnd + out.readUInt32LE(8);
    perform(out[0], out.readBigUInt64LE(16), meta, out.subarray(metaEnd, bodyEnd));
  }
}
const exchanges = new Map(); // the AbortController of each fetch, by id
async function perform(kind, id, meta, body) {
  if (kind === kinds.fetch) for await (const answer of exchange(id, meta, body)) step(...answer);
  if (kind === kinds.abort) exchanges.get(id)?.abort();
  if (kind === kinds.timer) setTimeout(step, meta.after_ms, kinds.fire, id);
  if (kind === kinds.delta) process.stdout.write(body);
  if (kind === kinds.result) process.stdout.write(`\n${JSON.parse(body).content[0].text}\n`, () => process.exit());
}
async function* exchange(id, { method, url, header = [], credential }, body) {
  exchanges.set(id, new AbortController());
  const headers = Object.fromEntries(header.map(({ name, value }) => [name, value]));
  if (credential && process.env.API_KEY) headers[credential.header] = (credential.prefix ?? "") + process.env.API_KEY;
  try { // no redirects, and no other address: the key goes where the user said
    if (!url.startsWith(endpoint + "/")) throw new Error(`${url} is not below ${endpoint}`);
    const reply = await fetch(url, { method, headers, body, redirect: "error", signal: exchanges.get(id).signal });
    yield [kinds.head, id, { status: reply.status, header: [...reply.headers].map(([name, value]) => ({ name, value })) }];
    for await (const piece of reply.body ?? [])
      for (let at = 0; at < piece.length; at += 65536) yield [kinds.chunk, id, null, piece.subarray(at, at + 65536)];
    yield [kinds.end, id];
  } catch (error) { // after an abort nobody listens any more
    yield [kinds.fail, id, { kind: "network", reason: error.cause?.code ?? error.message, retry: true }];
  }
}
const credential = { name: "API_KEY", header: "authorization", prefix: "Bearer " };
step(kinds.configure, 0n, { config: { target: "wasm", providers: [{ name: "provider", form: "openai-chat", endpoint, credential }] } });
const seed = String(crypto.getRandomValues(new BigUint64Array(1))[0]), messages = [{ role: "user", content: question }];
step(kinds.call, 1n << 32n, { tool: "chat_completion", seed, deltas: true }, JSON.stringify({ model, stream: true, messages }));
