import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type Page } from 'playwright-core';
import { findChromium, type Lab, openBrowser, openNotebook, runAll, startLab } from './lab';
import { CELL_COUNT, writeShortNotebook } from './notebook';

const ROOT = join(__dirname, '..', '..');
const chromium = findChromium();
const missing = [
  ...(chromium ? [] : ['no Chromium or Chrome was found (CHROMIUM=/path/to/it names one)']),
  ...(existsSync(join(ROOT, '.venv', 'installed.json')) ? [] : ['no JupyterLab in .venv (npm run setup)']),
];
if (missing.length > 0) console.warn(`SKIPPED: notebooks in a real JupyterLab: ${missing.join('; ')}.`);
const suite = missing.length > 0 ? describe.skip : describe;

suite('npm start, in a browser', () => {
  let lab: Lab;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    lab = await startLab();
    browser = await openBrowser(chromium!);
    page = await browser.newPage({ viewport: { width: 1400, height: 1200 } });
  }, 180_000);

  afterAll(async () => {
    await browser?.close();
    await lab?.stop();
  }, 60_000);

  test('all cells of a notebook run, and its figures are drawn', async () => {
    await openNotebook(page, lab, writeShortNotebook());
    await runAll(page, 150_000);
    // What the kernel or JupyterLab complains of.
    expect(await page.locator('[data-mime-type="application/vnd.jupyter.stderr"]').allInnerTexts()).toEqual(
      [],
    );
    expect(await page.locator('.jp-CodeCell').count()).toBe(CELL_COUNT);
    expect(await page.locator('.jp-OutputArea-output table').first().innerText()).toContain('42');
    // Plotly drew the curve itself: the extension is there.
    await page.waitForSelector('.js-plotly-plot .scatterlayer path.js-line', { timeout: 20_000 });
    const widths = await page
      .locator('.jp-OutputArea-output img')
      .evaluateAll(images =>
        images.map(image => (image as unknown as { naturalWidth: number }).naturalWidth),
      );
    const svgImages = await page.locator('.jp-OutputArea-output svg image').count();
    expect(widths.filter(width => width > 0).length + svgImages).toBeGreaterThan(0);
  }, 300_000);

  test('Ctrl-C ends JupyterLab and its kernels', async () => {
    expect(await lab.stop()).toBe(0);
    await expect(fetch(lab.address)).rejects.toThrow('fetch failed');
  }, 60_000);
});
