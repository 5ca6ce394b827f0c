// One request in Chromium, and what DevTools and the console said of it.
import { launch } from '../browser/chromium.mjs';
import { request } from './page.mjs';

const pause = ms => new Promise(done => setTimeout(done, ms));

export async function chromium(proxy) {
  const browser = await launch({ proxy });
  return {
    version: browser.version,
    async open() {
      let events = [];
      const page = await browser.page((method, params) => events.push({ method, params }));
      return {
        goto: url => page.goto(url),
        async request(it) {
          events = [];
          const saw = await page.run(request, it);
          // The console's word on a failure comes a moment after the script's.
          await pause(saw.ok && it.api !== 'beacon' ? 80 : 250);
          await page.run(() => 0);
          return { ...saw, ...digest(events) };
        },
        close: () => page.close(),
      };
    },
    close: () => browser.close(),
  };
}

function digest(events) {
  const of = name => events.filter(it => it.method === name).map(it => it.params);
  const sent = of('Network.requestWillBeSent').filter(it => !it.request.url.endsWith('/__page') && !/^(data|blob):/.test(it.request.url));
  const preflights = new Set(sent.filter(it => it.initiator?.type === 'preflight').map(it => it.requestId));
  const own = new Set(sent.map(it => it.requestId).filter(it => !preflights.has(it)));
  const failed = of('Network.loadingFailed');
  const failure = failed.findLast(it => own.has(it.requestId)) ?? failed.findLast(it => preflights.has(it.requestId));
  // A refusal before any network (of a mode, a scheme) is told as an issue alone.
  const issue = of('Audits.issueAdded').map(it => it.issue.details.corsIssueDetails).find(it => it && !it.isWarning);
  const cors = [failure, ...failed, issue].map(it => it?.corsErrorStatus).find(it => it);
  return {
    cors_error: cors?.corsError ?? null,
    failed_parameter: cors?.failedParameter || null,
    net_error: failure?.errorText || null,
    console: of('Log.entryAdded').map(it => it.entry.text),
  };
}
