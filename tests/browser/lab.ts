import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';

const ROOT = join(__dirname, '..', '..');

/** The path of an installed Chromium or Chrome (CHROMIUM names another); undefined when there is none. */
export function findChromium(): string | undefined {
  const given = process.env.CHROMIUM;
  if (given) return existsSync(given) ? given : undefined;
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  for (const name of names) {
    const { status, stdout } = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' });
    if (status === 0) return stdout.trim();
  }
  return undefined;
}

export const openBrowser = (executablePath: string): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });

/** A running JupyterLab, as `npm start -- --no-browser` starts it. */
export interface Lab {
  /** The address that was printed, with its token. */
  address: string;
  /** Ctrl-C; gives the exit status. */
  stop(): Promise<number | null>;
}

/** Starts scripts/start.mjs and waits for the address. Rejects with what was printed when it ends before. */
export async function startLab(args: string[] = []): Promise<Lab> {
  const script = join(ROOT, 'scripts', 'start.mjs');
  const server = spawn(process.execPath, [script, '--no-browser', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Settings and open tabs of its own, not the user's.
    env: { ...process.env, JUPYTER_CONFIG_DIR: mkdtempSync(join(tmpdir(), 'jupyter-config-')) },
  });
  const ended = new Promise<number | null>(resolve => server.once('exit', code => resolve(code)));
  const address = await printedAddress(server);
  return {
    address,
    stop() {
      server.kill('SIGINT');
      return ended;
    },
  };
}

function printedAddress(server: ChildProcess): Promise<string> {
  let printed = '';
  return new Promise((resolve, reject) => {
    const read = (chunk: Buffer) => {
      printed += chunk.toString();
      const address = /http:\S+token=\w+/.exec(printed);
      if (address) resolve(address[0]);
    };
    server.stdout?.on('data', read);
    server.stderr?.on('data', read);
    server.once('exit', code => reject(new Error(`npm start ended with ${code}:\n${printed}`)));
  });
}

/** Opens a notebook (path from the root) of a running JupyterLab, and waits until its kernel is idle. */
export async function openNotebook(page: Page, lab: Lab, notebook: string): Promise<void> {
  const url = new URL(lab.address);
  url.pathname = `/lab/tree/${notebook}`;
  await page.goto(url.href);
  await page.waitForSelector('.jp-Notebook .jp-Cell', { timeout: 60_000 });
  await waitForKernel(page);
}

/** Waits until the status bar names our kernel and calls it idle. (The notebook's own sign is idle before there is a kernel.) */
export async function waitForKernel(page: Page, timeout = 150_000): Promise<void> {
  await page.getByText(/tslab\) \| Idle/).waitFor({ timeout });
}

/** Runs all cells, and waits until none waits or runs. */
export async function runAll(page: Page, timeout: number): Promise<void> {
  await page.click('.lm-MenuBar-item:has-text("Run")');
  await page.click('.lm-Menu-item[data-command="runmenu:run-all"]');
  const prompts = page.locator('.jp-CodeCell .jp-InputArea-prompt');
  const end = Date.now() + timeout;
  for (;;) {
    // JupyterLab draws only the cells near the screen: the prompts of others are empty.
    const texts = (await prompts.allInnerTexts()).filter(text => text.trim() !== '');
    if (texts.length > 0 && texts.every(text => /\[\d+\]/.test(text))) break;
    if (Date.now() > end) throw new Error(`cells still run after ${timeout / 1000} s: ${texts.join(' ')}`);
    await page.waitForTimeout(500);
  }
  await waitForKernel(page, timeout);
}
