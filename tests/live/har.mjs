// Exports HARs of the lab's blocked GET with the browsers' own developer tools: Chromium's
// front-end (loaded from the browser, attached to the lab's page, its `HAR.Log.build` called as
// "Export HAR" does) and Firefox's network monitor (`getHARFromNetMonitor`).
//
//   node --experimental-websocket har.mjs chromium|firefox PAGE_URL BUTTON [fetch-xhr] > FILE
//
// `fetch-xhr` (Chromium): with that filter on, which the export follows; it hides preflights.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from './in-firefox.mjs';

const [name, url, button, filter] = process.argv.slice(2);
const pause = ms => new Promise(done => setTimeout(done, ms));

const PRESS = async id => {
  while (!document.documentElement.dataset.ready) await new Promise(done => setTimeout(done, 10));
  const log = document.getElementById('log');
  const seen = new Promise(done => new MutationObserver(done).observe(log, { childList: true }));
  document.getElementById(id).click();
  await seen;
  await new Promise(done => setTimeout(done, 1000));
};

async function chromium() {
  const profile = mkdtempSync(join(tmpdir(), 'hopscope-chromium-'));
  const child = spawn(process.env.CHROMIUM ?? 'chromium',
    ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
      '--remote-debugging-port=0', '--remote-allow-origins=*', `--user-data-dir=${profile}`, 'about:blank'], { stdio: 'ignore' });
  const ended = new Promise(done => child.once('exit', done));
  try {
    let port;
    for (const until = Date.now() + 30_000; !port && Date.now() < until; await pause(100)) {
      try { port = readFileSync(join(profile, 'DevToolsActivePort'), 'utf8').split('\n')[0]; } catch { /* not yet */ }
    }
    const get = (path, method = 'GET') => fetch(`http://127.0.0.1:${port}${path}`, { method }).then(it => it.json());
    const [page] = (await get('/json/list')).filter(it => it.type === 'page');
    const tools = await get(`/json/new?${encodeURIComponent(`devtools://devtools/bundled/devtools_app.html?ws=127.0.0.1:${port}/devtools/page/${page.id}&panel=network`)}`, 'PUT');
    await pause(4000);
    const inPage = await target(page), inTools = await target(tools);
    await inPage('Page.enable');
    await inPage('Page.navigate', { url });
    await pause(1500);
    await run(inPage, `(${PRESS})(${JSON.stringify(button)})`);
    return await run(inTools, `(async () => {
      const HAR = await import('./models/har/har.js'), Logs = await import('./models/logs/logs.js');
      const { ResourceType } = await import('./core/common/common.js'), shown = ResourceType.resourceCategories.XHR;
      const requests = Logs.NetworkLog.NetworkLog.instance().requests().filter(it => it.finished && /^https?:/.test(it.url()))
        .filter(it => ${JSON.stringify(!filter)} || it.resourceType().category() === shown);
      return JSON.stringify({ log: await HAR.Log.Log.build(requests, { sanitize: true }) }, null, 2);
    })()`);
  } finally {
    child.kill('SIGKILL');
    await ended;
    await pause(500);
    rmSync(profile, { recursive: true, force: true, maxRetries: 9, retryDelay: 100 });
  }
}

async function target({ webSocketDebuggerUrl }) {
  const socket = new WebSocket(webSocketDebuggerUrl), waiting = new Map();
  await new Promise((done, fail) => { socket.onopen = done; socket.onerror = fail; });
  let last = 0;
  socket.onmessage = ({ data }) => { const it = JSON.parse(data); waiting.get(it.id)?.(it); };
  return (method, params = {}) => new Promise((done, fail) => {
    waiting.set(++last, it => (it.error ? fail(new Error(it.error.message)) : done(it.result)));
    socket.send(JSON.stringify({ id: last, method, params }));
  });
}

async function run(call, expression) {
  const { result, exceptionDetails } = await call('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
  if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
  return result.value;
}

async function firefox() {
  const browser = await start();
  try {
    await browser.goto('about:blank');
    await browser.privileged(`
      const { require } = ChromeUtils.importESModule('resource://devtools/shared/loader/Loader.sys.mjs');
      const { gDevTools } = require('devtools/client/framework/devtools');
      const { gBrowser } = Services.wm.getMostRecentWindow('navigator:browser');
      globalThis.toolbox = await gDevTools.showToolboxForTab(gBrowser.selectedTab, { toolId: 'netmonitor' });`);
    await browser.goto(url);
    await browser.run(`(${PRESS})(arguments[0]).then(() => arguments[1]());`, [button]);
    return await browser.privileged(`
      const { require } = ChromeUtils.importESModule('resource://devtools/shared/loader/Loader.sys.mjs');
      const { gDevTools } = require('devtools/client/framework/devtools');
      const { gBrowser } = Services.wm.getMostRecentWindow('navigator:browser');
      const toolbox = gDevTools.getToolboxForTab(gBrowser.selectedTab);
      return JSON.stringify({ log: await toolbox.getHARFromNetMonitor() }, null, 2);`);
  } finally {
    await browser.close();
  }
}

console.log(await { chromium, firefox }[name]());
process.exit(0);
