// WebSocket with Node: talks.mjs URL PROXY
import { createRequire } from "node:module";
import { join } from "node:path";

const [url, proxy] = process.argv.slice(2);
const { ProxyAgent, WebSocket } = createRequire(join(process.cwd(), "x"))("undici");
const dispatcher = new ProxyAgent({ uri: proxy });
const socket = new WebSocket(url, { dispatcher });
const messages = ["hello", new Uint8Array([0, 255]), "x".repeat(70000)];
let heard = 0;
socket.binaryType = "arraybuffer";
socket.addEventListener("open", () => socket.send(messages[0]));
socket.addEventListener("error", (it) => { console.error(it.error ?? it.message); process.exit(1); });
socket.addEventListener("close", () => { console.log(heard, "heard"); dispatcher.close(); });
socket.addEventListener("message", () => {
  heard += 1;
  if (heard < messages.length) socket.send(messages[heard]); else socket.close(1000);
});
