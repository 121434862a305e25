#!/usr/bin/env node
/** The first half of `npm run zoo`: unpacks the packages whose models it runs into .cache/zoo. */
import { fileURLToPath, URL } from 'node:url';
import { unpackPinned } from '../setup/pinned.mjs';
import { SetupError } from '../setup/steps.mjs';

const FOLDER = fileURLToPath(new URL('../../.cache/zoo/', import.meta.url));

const PINS = {
  human: {
    name: '@vladmandic/human',
    version: '3.3.6',
    integrity:
      'sha512-Nr5mPfq1gQ+uKeXY5uM3Fj8UxvF5CEh2s6txM5wRThqaW0mF9huooOuZSrT8hhGho0hGaXLFdAwfD/2+teCv6A==',
  },
  nsfwjs: {
    name: 'nsfwjs',
    version: '4.3.0',
    integrity:
      'sha512-WTKDte0vp1X97N1h34P79G/hG+sVT3+TnDz9di1WseIJR93v11E4viNX7Vg9WsO6HYoR772Nzq2iM8jo3XBZ+g==',
  },
};

try {
  for (const [folder, pin] of Object.entries(PINS)) unpackPinned(pin, FOLDER + folder);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`zoo: ${error.message}.`);
  process.exitCode = 1;
}
