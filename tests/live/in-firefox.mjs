// One request in Firefox, spoken to over Marionette, and what its console said of it.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from './page.mjs';

const pause = ms => new Promise(done => setTimeout(done, ms));

// What a fresh Firefox asks the internet by itself.
const CALLS_HOME = ['app.normandy.enabled', 'app.update.enabled', 'browser.safebrowsing.malware.enabled', 'browser.safebrowsing.phishing.enabled',
  'browser.search.update', 'browser.shell.checkDefaultBrowser', 'datareporting.policy.dataSubmissionEnabled', 'extensions.systemAddon.update.enabled',
  'extensions.update.enabled', 'network.captive-portal-service.enabled', 'network.connectivity-service.enabled', 'network.prefetch-next', 'toolkit.telemetry.enabled'];

function preferences(proxy) {
  const { hostname, port } = new URL(proxy ?? 'http://none:0');
  const through = {
    'network.proxy.allow_hijacking_localhost': true,
    'network.proxy.http': hostname,
    'network.proxy.http_port': +port,
    'network.proxy.no_proxies_on': '',
    'network.proxy.ssl': hostname,
    'network.proxy.ssl_port': +port,
    'network.proxy.type': 1,
  };
  return Object.entries({
    ...Object.fromEntries(CALLS_HOME.map(it => [it, false])),
    ...(proxy ? through : {}),
    'browser.region.network.url': '',
    'marionette.port': 0,
    'network.http.speculative-parallel-limit': 0,
    'services.settings.server': 'data:,#none',
  }).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`).join('');
}

// A headless Firefox; `privileged` runs a script with the browser's own rights.
export async function start(proxy) {
  const profile = mkdtempSync(join(tmpdir(), 'hopscope-firefox-'));
  writeFileSync(join(profile, 'user.js'), preferences(proxy));
  const child = spawn(process.env.FIREFOX ?? 'firefox-esr',
    ['--headless', '--marionette', '--remote-allow-system-access', '--no-remote', '--profile', profile],
    { stdio: 'ignore', env: { ...process.env, HOME: profile } });
  let gone = false;
  const ended = new Promise(done => { child.once('exit', done); child.once('error', done); }).then(() => { gone = true; });
  process.once('exit', () => child.kill('SIGKILL'));
  const call = await connect(await marionettePort(profile, () => gone));
  const { capabilities } = await call('WebDriver:NewSession', { capabilities: { alwaysMatch: { timeouts: { script: 30_000, pageLoad: 15_000, implicit: 0 } } } });

  const run = async (script, args = []) => (await call('WebDriver:ExecuteAsyncScript', { script, args, newSandbox: true })).value;
  const privileged = async script => {
    await call('Marionette:SetContext', { value: 'chrome' });
    try {
      const { done, failed } = await run(`const end = arguments[0]; (async () => { ${script} })().then(done => end({ done }), it => end({ failed: String(it) }));`);
      if (failed) throw new Error(failed);
      return done;
    } finally {
      await call('Marionette:SetContext', { value: 'content' });
    }
  };
  return {
    version: `Firefox/${capabilities.browserVersion}`,
    run,
    privileged,
    goto: url => call('WebDriver:Navigate', { url }),
    async close() {
      call('Marionette:Quit', { flags: ['eForceQuit'] }).catch(() => {});
      await Promise.race([ended, pause(4000)]);
      child.kill('SIGKILL');
      await ended;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}

export async function firefox(proxy) {
  const browser = await start(proxy);
  const { privileged, goto } = browser;
  return {
    version: browser.version,
    async open() {
      await privileged(FORGET);
      return {
        goto,
        async request(it) {
          await privileged('Services.console.reset();');
          const saw = JSON.parse(await browser.run(`(${request})(arguments[0]).then(it => arguments[1](JSON.stringify(it)));`, [it]));
          await pause(saw.ok && it.api !== 'beacon' ? 80 : 250);
          const said = await privileged(MESSAGES);
          // A deprecation is a warning, no refusal.
          const cors = said.find(({ category }) => category.startsWith('CORS') && !category.endsWith('Deprecation'));
          return { ...saw, cors_error: cors?.category ?? null, console: said.map(it => it.text) };
        },
        close: () => goto('about:blank'),
      };
    },
    close: () => browser.close(),
  };
}

// Caches (the preflights' too), cookies, logins and open connections.
const FORGET = `
  const { CLEAR_ALL_CACHES, CLEAR_COOKIES, CLEAR_AUTH_CACHE, CLEAR_AUTH_TOKENS, CLEAR_PREFLIGHT_CACHE } = Ci.nsIClearDataService;
  const all = CLEAR_ALL_CACHES | CLEAR_COOKIES | CLEAR_AUTH_CACHE | CLEAR_AUTH_TOKENS | (CLEAR_PREFLIGHT_CACHE ?? 0);
  await new Promise(onDataDeleted => Services.clearData.deleteData(all, { onDataDeleted }));
  for (const it of ['net:cancel-all-connections', 'net:prune-all-connections']) Services.obs.notifyObservers(null, it);`;
const MESSAGES = `
  return Services.console.getMessageArray().map(it => {
    try { it.QueryInterface(Ci.nsIScriptError); return { category: it.category, text: it.errorMessage }; }
    catch { return { category: '', text: it.message }; }
  });`;

// Firefox picks a free port and writes it down.
async function marionettePort(profile, gone) {
  for (const until = Date.now() + 60_000; Date.now() < until && !gone(); await pause(50)) {
    try {
      const port = +readFileSync(join(profile, 'MarionetteActivePort'), 'utf8');
      if (port) return port;
    } catch { /* not yet */ }
  }
  throw new Error('Firefox does not listen for Marionette; is it installed?');
}

// Messages are JSON arrays, each after its length and a colon.
async function connect(port) {
  const socket = net.connect(port, '127.0.0.1');
  await new Promise((done, fail) => socket.once('connect', done).once('error', fail));
  const waiting = new Map();
  let bytes = Buffer.alloc(0), last = 0;
  socket.on('error', () => {}).on('close', () => { for (const { fail } of waiting.values()) fail(new Error('Firefox ended')); });
  socket.on('data', data => {
    bytes = Buffer.concat([bytes, data]);
    for (;;) {
      const colon = bytes.indexOf(':'), end = colon + 1 + Number(bytes.subarray(0, colon));
      if (colon < 0 || bytes.length < end) return;
      const message = JSON.parse(bytes.subarray(colon + 1, end));
      bytes = bytes.subarray(end);
      if (!Array.isArray(message)) continue;
      const [, id, error, result] = message, call = waiting.get(id);
      waiting.delete(id);
      if (error) call?.fail(new Error(`${error.error}: ${error.message}`)); else call?.done(result);
    }
  });
  return (name, parameters = {}) => new Promise((done, fail) => {
    const message = JSON.stringify([0, ++last, name, parameters]);
    waiting.set(last, { done, fail });
    socket.write(`${Buffer.byteLength(message)}:${message}`);
  });
}
