// Drives one real browser through a proxy, request by request.
//
//   node rig.mjs chromium|firefox --proxy URL
//
// Reads one JSON command a line and prints one JSON line for each:
//   {"do":"open"}                      a page with caches, cookies and sockets of its own
//   {"do":"goto","url":…}              opens a document in it
//   {"do":"request","request":{…}}     makes one request: what the script, DevTools and the console said
//   {"do":"close"}
// Ends when its standard input does, and the browser with it.
import { createInterface } from 'node:readline';
import { chromium } from './in-chromium.mjs';
import { firefox } from './in-firefox.mjs';

const [name, , proxy] = process.argv.slice(2);
const browser = await { chromium, firefox }[name](proxy);
console.log(JSON.stringify({ version: browser.version }));
let page;
const commands = {
  open: async () => { page = await browser.open(); },
  goto: ({ url }) => page.goto(url),
  request: async ({ request }) => {
    await new Promise(done => setTimeout(done, request.wait_ms_before ?? 0));
    return page.request(request);
  },
  close: async () => { await page.close(); page = undefined; },
};
try {
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    const late = new Promise((_, fail) => setTimeout(fail, 40_000, new Error(`${line} does not end`)).unref());
    let answer;
    try { answer = await Promise.race([commands[command.do](command), late]); } catch (error) { answer = { failed: String(error) }; }
    console.log(JSON.stringify(answer ?? {}));
  }
} finally {
  await browser.close();
}
process.exit(0);
