// Runs gateway-lines.wasm as a command under the runtime's own WASI: events as lines
// of JSON on stdin, effects on stdout, as docs/abi.md describes. Node 20, Deno, Bun.
//
//   node wasm/hosts/lines.mjs bin/gateway-lines.wasm < events.jsonl
import { readFile } from "node:fs/promises";
import process from "node:process";
import { WASI } from "node:wasi";

const wasi = new WASI({ version: "preview1" });
const module = await WebAssembly.compile(await readFile(process.argv[2]));
const instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: wasi.wasiImport });
process.exitCode = wasi.start(instance);
