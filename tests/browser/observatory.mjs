// Scans pages of a site on this machine with the HTTP Observatory.
//
// usage: NODE_EXTRA_CA_CERTS=CA node observatory.mjs NODE_MODULES HOST:PORT PATH[ COOKIE]...
//
// Prints one line of JSON for each page: {"path", "grade", "failed": [the tests that failed]}.

import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, host, ...pages] = process.argv.slice(2);
const home = join(modules, "@mdn", "mdn-http-observatory");
// It is installed without the list that it would fetch; no site of ours is in there.
writeFileSync(join(home, "conf", "hsts-preload.json"), "{}");

// Its own copy, so that what is set here holds there.
const axios = (await import(pathToFileURL(createRequire(join(home, "src", "index.js")).resolve("axios"))
  .href.replace(/dist\/node\/axios\.cjs$/, "index.js"))).default;
const { scan } = await import(pathToFileURL(join(home, "src", "index.js")).href);

for (const page of pages) {
  const [path, cookie] = page.split(" ");
  if (cookie) axios.defaults.headers.common.Cookie = cookie;
  else delete axios.defaults.headers.common.Cookie;
  const { scan: result, tests } = await scan(host + path);
  const failed = Object.entries(tests).filter(([, test]) => !test.pass)
    .map(([name, test]) => `${name}: ${test.result}`);
  console.log(JSON.stringify({ path, status: result.statusCode, grade: result.grade, failed }));
}
