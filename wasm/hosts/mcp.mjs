// An MCP server on stdin and stdout, made of the module and nothing else. Node, Deno, Bun.
//   API_KEY=... node wasm/hosts/mcp.mjs bin/gateway.wasm https://api.openai.com/v1 [DEFAULT_MODEL]
import { readFile } from "node:fs/promises";
import process from "node:process";
import { createInterface } from "node:readline";
import { open } from "./reactor.mjs";

const [path, endpoint, default_model] = process.argv.slice(2);
const credential = { name: "API_KEY", header: "authorization", prefix: "Bearer " };
const provider = { name: "provider", form: "openai-chat", endpoint, credential };
const config = { target: "wasm", default_model, providers: [provider] };
const fresh = async () => open(await readFile(path), config, { API_KEY: process.env.API_KEY });
let gateway = fresh();
const { tools, instructions } = await (await gateway).describe();

const say = (message) => process.stdout.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\n");
const calls = new Map(); // AbortControllers, by the id of the request
const methods = {
  ping: () => ({}),
  initialize: ({ protocolVersion }) => ({
    protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "gateway.wasm", version: "1" }, instructions,
  }),
  "tools/list": () => ({ tools }),
  async "tools/call"({ name, arguments: args = {}, _meta }, id) {
    if ((await gateway).dead) gateway = fresh();
    const stop = new AbortController(), progressToken = _meta?.progressToken;
    calls.set(id, stop);
    let progress = 0;
    const text = (message) =>
      say({ method: "notifications/progress", params: { progressToken, progress: ++progress, message } });
    try {
      const watch = { text: progressToken === undefined ? undefined : text, signal: stop.signal };
      const result = await (await gateway).call(name, args, watch);
      return stop.signal.aborted ? undefined : result; // a canceled request is not answered
    } finally {
      calls.delete(id);
    }
  },
};

createInterface({ input: process.stdin }).on("line", async (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === "notifications/cancelled") calls.get(params.requestId)?.abort();
  if (id === undefined) return;
  try {
    if (!methods[method]) throw Object.assign(new Error(`there is no method ${method}`), { code: -32601 });
    const result = await methods[method](params ?? {}, id);
    if (result) say({ id, result });
  } catch (error) {
    say({ id, error: { code: error.code ?? -32603, message: error.message } });
  }
}).on("close", () => process.exit());
