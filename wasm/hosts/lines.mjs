// Runs gateway-lines.wasm as a command under Node's own WASI: events as lines
// of JSON on stdin, effects on stdout, as docs/abi.md describes. Node 20 or later.
//
//   node wasm/hosts/lines.mjs bin/gateway-lines.wasm < events.jsonl
import { readFile } from "node:fs/promises";
import { WASI } from "node:wasi";

const wasi = new WASI({ version: "preview1" });
const module = await WebAssembly.compile(await readFile(process.argv[2]));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
process.exitCode = wasi.start(instance);
