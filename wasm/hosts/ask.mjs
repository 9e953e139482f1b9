// Asks one question through the module and prints the answer as it comes, then the result. Node, Deno, Bun.
//   API_KEY=... node wasm/hosts/ask.mjs bin/gateway.wasm https://api.openai.com/v1 MODEL "question"
import { readFile } from "node:fs/promises";
import process from "node:process";
import { open } from "./reactor.mjs";

const [path, endpoint, model, question] = process.argv.slice(2);
const credential = { name: "API_KEY", header: "authorization", prefix: "Bearer " };
const config = { target: "wasm", providers: [{ name: "provider", form: "openai-chat", endpoint, credential }] };
const gateway = await open(await readFile(path), config, process.env);

const stop = new AbortController();
process.once("SIGINT", () => stop.abort());
const messages = [{ role: "user", content: question }];
const result = await gateway.call("chat_completion", { model, messages, stream: true }, {
  text: (piece) => process.stdout.write(piece), signal: stop.signal,
});
process.stdout.write(`\n${result.content[0].text}\n`, () => process.exit(result.isError ? 1 : 0));
