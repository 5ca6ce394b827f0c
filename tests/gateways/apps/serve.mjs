// What the Node apps share: options from the command line, modules from where the test put them,
// and a life as long as their standard input is open, so that none outlives the test.

import { createRequire } from 'node:module';
import { join } from 'node:path';

export const module = createRequire(join(process.env.MODULES, 'package.json'));

// `key=value` arguments over defaults; an unknown key ends the program.
export function given(defaults) {
  for (const argument of process.argv.slice(2)) {
    const [key, value] = argument.split('=');
    if (!(key in defaults)) {
      console.error(`${key} is no option; there are ${Object.keys(defaults).join(', ')}`);
      process.exit(1);
    }
    defaults[key] = value;
  }
  return defaults;
}

export function live(server) {
  console.log(`listening 127.0.0.1:${server.address().port}`);
  process.stdin.on('end', () => process.exit(0)).resume();
}
