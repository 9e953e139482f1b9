// A host of gateway.wasm, written by docs/abi.md, for all that has WebAssembly and fetch: Node, Deno, Bun, browsers.
//
//   const gateway = await open(bytes, { target: "wasm", providers: [...] }, { API_KEY: "sk-..." });
//   const result = await gateway.call("chat_completion", { messages: [...], stream: true }, { text: show, signal });
const kinds = {
  configure: 1, describe: 2, call: 3, cancel: 4, head: 5, chunk: 6, end: 7, fail: 8, fire: 9, // events
  manifest: 65, fetch: 66, abort: 67, timer: 68, delta: 69, result: 70, // effects
};
const encode = (text) => new TextEncoder().encode(text);
const decode = (bytes) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes); // a BOM is text like any other

export async function open(wasm, config, secrets = {}) {
  // 1. The module, and as much of WASI as a Go module needs that opens nothing; the rest is refused.
  const memory = (at, n) => new Uint8Array(guest.memory.buffer, at >>> 0, n); // looked up each time: it grows and moves
  const nothing = (count, size) => (memory(count, 4).fill(0), memory(size, 4).fill(0), 0);
  const write64 = (at, n) => (new DataView(guest.memory.buffer).setBigUint64(at >>> 0, n, true), 0);
  const wasi = {
    args_sizes_get: nothing, environ_sizes_get: nothing,
    random_get: (at, n) => (crypto.getRandomValues(memory(at, n)), 0),
    clock_time_get: (id, precision, at) => write64(at, BigInt(Math.ceil(performance.now() * 1e6)) + 1n),
    proc_exit: (code) => { throw new Error(`the module exited with ${code}`); },
  };
  const refusal = (name) => () => (name.startsWith("fd_") ? 8 /* EBADF */ : 52 /* ENOSYS */);
  const imports = { wasi_snapshot_preview1: new Proxy(wasi, { get: (known, name) => known[name] ?? refusal(name) }) };
  const guest = (await WebAssembly.instantiate(wasm, imports)).instance.exports;
  guest._initialize();
  if (guest.gw_abi_version() !== 1) throw new Error("this host speaks version 1 of the interface");

  // 2. A step: one event into the guest, its effects out. A guest that failed once is never asked again.
  let dead;
  function step(kind, id = 0n, meta = undefined, body = new Uint8Array()) {
    let effects;
    try {
      if (dead) throw dead;
      const json = encode(meta ? JSON.stringify(meta) : "");
      const frame = new Uint8Array(32 + json.length + body.length), header = new DataView(frame.buffer);
      header.setUint8(0, kind), header.setUint32(4, json.length, true), header.setUint32(8, body.length, true);
      header.setBigUint64(16, id, true), header.setBigInt64(24, BigInt(Date.now()), true);
      frame.set(json, 32), frame.set(body, 32 + json.length);
      memory(guest.gw_buffer(frame.length), frame.length).set(frame);
      const packed = BigInt.asUintN(64, guest.gw_step(frame.length));
      const at = packed >> 32n, length = packed & 0xffffffffn;
      if (length === 0xffffffffn) throw new Error(`gw_step failed for reason ${at}`);
      effects = memory(Number(at), Number(length)).slice(); // a copy: the next step overwrites it
    } catch (error) {
      dead = error;
      for (const end of ends.values()) end();
      for (const { reject } of waiting.values()) reject(new Error("the sandbox failed: try again", { cause: error }));
      return waiting.clear();
    }
    for (let end; effects.length > 0; effects = effects.subarray(end)) {
      const header = new DataView(effects.buffer, effects.byteOffset), metaEnd = 32 + header.getUint32(4, true);
      end = metaEnd + header.getUint32(8, true);
      const meta = metaEnd > 32 ? JSON.parse(decode(effects.subarray(32, metaEnd))) : {};
      perform(effects[0], header.getBigUint64(16, true), meta, effects.subarray(metaEnd, end));
    }
  }

  // 3. The effects.
  const waiting = new Map(); // who waits for a result, by the call's id; for the manifest, by 0
  const ends = new Map(); // what ends a fetch or a timer, by its id
  function perform(kind, id, meta, body) {
    if (kind === kinds.fetch) exchange(id, meta, body);
    if (kind === kinds.abort) ends.get(id)?.();
    if (kind === kinds.timer) {
      const timer = setTimeout(() => (ends.delete(id), step(kinds.fire, id)), meta.after_ms);
      ends.set(id, () => (ends.delete(id), clearTimeout(timer)));
    }
    if (kind === kinds.delta) waiting.get(id)?.text?.(decode(body));
    if (kind !== kinds.result && kind !== kinds.manifest) return;
    waiting.get(id)?.resolve(kind === kinds.result ? JSON.parse(decode(body)) : meta);
    waiting.delete(id);
    // The reply that brought the answer may not have ended: a second for its last bytes keeps the connection usable.
    for (const [other, end] of ends) if (other >> 32n === id >> 32n) setTimeout(end, 1000);
  }

  // 4. A fetch. The key goes nowhere but to the configured addresses: no others, and no redirects.
  async function exchange(id, { method, url, header = [], credential }, body) {
    const controller = new AbortController(), { signal } = controller;
    ends.set(id, () => controller.abort());
    const headers = Object.fromEntries(header.map(({ name, value }) => [name, value]));
    const secret = secrets[credential?.name];
    if (secret) headers[credential.header] = (credential.prefix ?? "") + secret;
    const allowed = config.providers.some(({ endpoint }) => url.startsWith(endpoint + "/"));
    try {
      await undefined; // the effects of one step come before the next step
      if (!allowed) throw new Error("the address is no provider's");
      const reply = await fetch(url, { method, headers, body, redirect: "error", signal });
      const fields = [...reply.headers].map(([name, value]) => ({ name, value }));
      step(kinds.head, id, { status: reply.status, header: fields });
      const reader = reply.body?.getReader();
      for (let piece; reader && !(piece = await reader.read()).done; )
        for (let at = 0; at < piece.value.length; at += 65536)
          step(kinds.chunk, id, undefined, piece.value.subarray(at, at + 65536));
      step(kinds.end, id);
    } catch (error) { // after an abort nobody listens any more
      step(kinds.fail, id, { kind: "network", reason: String(error.cause?.code ?? error.message), retry: allowed });
    }
    ends.delete(id);
  }

  // 5. What a program uses.
  let calls = 0n;
  step(kinds.configure, 0n, { config });
  const ask = (kind, id, meta, body, text) => new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject, text });
    step(kind, id, meta, body);
  });
  return {
    describe: () => ask(kinds.describe, 0n),
    call(tool, args, { text, signal } = {}) {
      const id = ++calls << 32n, seed = String(crypto.getRandomValues(new BigUint64Array(1))[0]);
      const answer = ask(kinds.call, id, { tool, seed, deltas: Boolean(text) }, encode(JSON.stringify(args)), text);
      const cancel = () => step(kinds.cancel, id);
      if (signal?.aborted) cancel();
      else signal?.addEventListener("abort", cancel, { once: true });
      return answer;
    },
    step, // for tests: step(255, 1n) kills the module
    get dead() { return dead; },
  };
}
