/**
 * Ends the program where Node.js is older than package.json asks for. npm's scripts load it before anything else, and it is
 * written so that very old ones read it: they would stop at the syntax of the rest.
 */
'use strict';
var oldest = require('../../package.json').engines.node.replace('>=', '');

function parse(version) {
  return version.split('.').map(Number);
}

var here = parse(process.versions.node);
var needed = parse(oldest);
if (here[0] < needed[0] || (here[0] === needed[0] && here[1] < needed[1])) {
  console.error(
    'set-up: Node.js ' +
      process.versions.node +
      ' is too old: install Node.js ' +
      oldest +
      ' or newer (https://nodejs.org).',
  );
  if (/test\.mjs$/.test(process.argv[1])) console.log('0 passed, 1 failed'); // npm test ends with such a line, always
  process.exit(1);
}
