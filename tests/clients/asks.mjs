// Ask once with Node's fetch, through a proxy unless it is "direct": asks.mjs URL PROXY CA
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [url, proxy, file] = process.argv.slice(2);
const { Agent, ProxyAgent, fetch } = createRequire(join(process.cwd(), "x"))("undici");
const ca = readFileSync(file);
const dispatcher = proxy === "direct"
  ? new Agent({ allowH2: true, connect: { ca } })
  : new ProxyAgent({ uri: proxy, requestTls: { ca } });
const answer = await fetch(url, { dispatcher });
console.log(answer.status, await answer.text());
await dispatcher.close();
