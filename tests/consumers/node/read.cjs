// node read.cjs FILE…: reads JUnit files as the readers in Node do, and prints what each of them found, as JSON.
const fs = require('node:fs');
const path = require('node:path');

const list = (value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]);

// Counts test cases; `told` of the results have a message and a text, both not blank.
function count(cases, message, text) {
  const found = { tests: cases.length, failures: 0, errors: 0, skipped: 0, told: 0 };
  const keys = { failure: 'failures', error: 'errors', skipped: 'skipped' };
  for (const one of cases) {
    for (const [tag, key] of Object.entries(keys)) {
      for (const result of list(one[tag])) {
        found[key] += 1;
        if (String(message(result) ?? '').trim() && String(text(result) ?? '').trim()) found.told += 1;
      }
    }
  }
  return found;
}

// What dorny/test-reporter and test-summary/action read with.
async function xml2js(content) {
  const root = await require('xml2js').parseStringPromise(content);
  const cases = root.testsuites.testsuite.flatMap((suite) => {
    if (!suite.$.name.trim()) throw new Error('a suite without a name');
    return list(suite.testcase);
  });
  return count(cases, (result) => result.$.message, (result) => result._);
}

// What mikepenz/action-junit-report reads with.
async function xmlJs(content) {
  const root = require('xml-js').xml2js(content, { compact: true });
  const cases = list(root.testsuites.testsuite).flatMap((suite) => list(suite.testcase));
  return count(cases, (result) => result._attributes.message, (result) => result._text);
}

// What Datadog reads with.
async function fastXmlParser(content) {
  const { XMLParser, XMLValidator } = require('fast-xml-parser');
  const valid = XMLValidator.validate(content);
  if (valid !== true) throw new Error(JSON.stringify(valid));
  const root = new XMLParser({ ignoreAttributes: false }).parse(content);
  const cases = list(root.testsuites.testsuite).flatMap((suite) => list(suite.testcase));
  return count(cases, (result) => result['@_message'], (result) => result['#text']);
}

// Believes the counts that the file states; leaves the skipped ones out of its total.
async function testResultsParser(content, file) {
  const found = require('test-results-parser').parse({ type: 'junit', files: [file] });
  const suite = found.suites[0];
  const red = suite.cases.filter((one) => one.status === 'FAIL').length;
  return {
    tests: Number(suite.total) + Number(suite.skipped),
    failures: Number(suite.failed),
    errors: Number(suite.errors),
    skipped: Number(suite.skipped),
    red,
    passed: suite.cases.filter((one) => one.status === 'PASS').length,
  };
}

const readers = { xml2js, 'xml-js': xmlJs, 'fast-xml-parser': fastXmlParser, 'test-results-parser': testResultsParser };

// A folder of several suites, as a pipeline hands it over: every suite counts, not the first alone.
function together(files) {
  const found = require('test-results-parser').parse({ type: 'junit', files });
  const cases = found.suites.flatMap((suite) => suite.cases);
  return {
    suites: found.suites.length,
    total: Number(found.total),
    passed: Number(found.passed),
    failed: Number(found.failed),
    errors: Number(found.errors),
    skipped: Number(found.skipped),
    passing: cases.filter((one) => one.status === 'PASS').length,
    names: new Set(cases.map((one) => one.name)).size,
  };
}

async function main([mode, ...files]) {
  if (mode === '--together') {
    process.stdout.write(JSON.stringify(together(files)));
    return;
  }
  files.unshift(mode);
  const found = {};
  for (const file of files) {
    const content = fs.readFileSync(file, 'utf8');
    const name = path.basename(file);
    found[name] = {};
    for (const [reader, read] of Object.entries(readers)) {
      try {
        found[name][reader] = await read(content, file);
      } catch (error) {
        found[name][reader] = { error: String(error.stack) };
      }
    }
  }
  process.stdout.write(JSON.stringify(found));
}

main(process.argv.slice(2));
