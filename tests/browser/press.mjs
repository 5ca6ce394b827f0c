// Opens the lab's page in Chromium and presses its buttons, each in a fresh profile.
//
//   node press.mjs PAGE_URL [--proxy URL] < names of buttons, one a line (`list` lists them all)
//
// Prints one JSON line a button: what the page's script saw, what DevTools and the console said.
import { createInterface } from 'node:readline';
import { launch } from './chromium.mjs';

const args = process.argv.slice(2);
const at = args.indexOf('--proxy');
const proxy = at < 0 ? undefined : args.splice(at, 2)[1];
const [url] = args;

const browser = await launch({ proxy });
try {
  for await (const id of createInterface({ input: process.stdin })) {
    // Nothing here takes half a minute. Leaving closes the pipe, which ends Chromium.
    const late = setTimeout(() => { console.error(`press.mjs: ${id} does not end`); process.exit(1); }, 30_000);
    const answer = id === 'list' ? await open(() => {}, page => page.run(allButtons)) : await pressed(id);
    clearTimeout(late);
    console.log(JSON.stringify(answer));
  }
} finally {
  await browser.close();
}

async function pressed(id) {
  const events = [];
  const saw = await open((method, params) => events.push({ method, params }), async page => {
    events.length = 0;
    return page.run(press, id);
  });
  return { id, saw, ...digest(events) };
}

async function open(onEvent, act) {
  const page = await browser.page(onEvent);
  try {
    await page.goto(url);
    await page.run(ready);
    return await act(page);
  } finally {
    await page.close();
  }
}

// These run in the page.

async function ready() {
  while (!document.documentElement.dataset.ready) await new Promise(done => setTimeout(done, 10));
}

function allButtons() {
  return [...document.querySelectorAll('#tries button, #requests button')].map(it => it.id);
}

function press(id) {
  const log = document.getElementById('log');
  const seen = new Promise(done => new MutationObserver(() => done(log.firstChild.saw)).observe(log, { childList: true }));
  document.getElementById(id).click();
  // The console's word on a failure comes a moment after the script's.
  return seen.then(saw => new Promise(done => setTimeout(() => done(saw), 150)));
}

// What DevTools told about requests to other origins than the page's.
function digest(events) {
  const of = name => events.filter(it => it.method === name).map(it => it.params);
  const own = new Set(of('Network.requestWillBeSent').filter(it => it.request.url.startsWith(url)).map(it => it.requestId));
  const failed = of('Network.loadingFailed').filter(it => !own.has(it.requestId));
  const cors = failed.find(it => it.corsErrorStatus)?.corsErrorStatus;
  return {
    cors_error: cors?.corsError ?? null,
    failed_parameter: cors?.failedParameter || null,
    net_error: failed.at(-1)?.errorText ?? null,
    console: of('Log.entryAdded').map(it => it.entry.text),
  };
}
