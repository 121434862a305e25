import { type Outcome, type SpecRecord } from './superviseSuite';

/** What `npm run conformance` writes. */
export interface ConformanceReport {
  backend: string;
  /** Version of TensorFlow.js, whose suite it is. */
  suite: string;
  filter?: string;
  share: number;
  counts: Record<Outcome, number>;
  failures: { group: string; name: string; outcome: Outcome; message: string; kernels: string[] }[];
  exclusions: { name: string; reason: string }[];
}

const FAILURES: readonly Outcome[] = ['failed', 'crashed', 'hung'];

/** What a failure belongs to: a kernel that isn't there, else the suite that the spec stands in ("matmul {} A x B" → "matmul"). */
function groupOf({ name, message }: SpecRecord): string {
  const missing = /Kernel '(\w+)' not registered/.exec(message ?? '');
  return missing ? `missing kernel ${missing[1]}` : name.split(' {}', 1)[0];
}

export function makeReport(
  records: readonly SpecRecord[],
  about: Pick<ConformanceReport, 'backend' | 'suite' | 'filter' | 'share'>,
): ConformanceReport {
  const counts = { passed: 0, failed: 0, crashed: 0, hung: 0, pending: 0, excluded: 0 };
  for (const { outcome } of records) counts[outcome]++;
  const failures = records
    .filter(({ outcome }) => FAILURES.includes(outcome))
    .map(record => ({
      group: groupOf(record),
      name: record.name,
      outcome: record.outcome,
      message: record.message ?? '',
      kernels: record.kernels,
    }));
  const exclusions = records
    .filter(({ outcome }) => outcome === 'excluded')
    .map(({ name, message }) => ({ name, reason: message ?? '' }));
  return { ...about, counts, failures, exclusions };
}

/** Failures by group, the largest group first, as text. */
export function failuresAsText({ failures }: ConformanceReport): string {
  const groups = new Map<string, ConformanceReport['failures']>();
  for (const failure of failures) groups.set(failure.group, [...(groups.get(failure.group) ?? []), failure]);
  return [...groups]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([group, of]) => {
      const lines = of.map(
        ({ name, outcome, message }) =>
          `  ${name}${outcome === 'failed' ? '' : ` [${outcome}]`}\n      ${message.split('\n', 1)[0].slice(0, 200)}`,
      );
      return `${group} (${of.length})\n${lines.join('\n')}`;
    })
    .join('\n\n');
}

/** "4200 passed, 3 failed, 29 excluded" – of the outcomes that there are. */
export function countsAsText({ counts }: ConformanceReport): string {
  return Object.entries(counts)
    .filter(([outcome, count]) => count > 0 || outcome === 'passed' || outcome === 'failed')
    .map(([outcome, count]) => `${count} ${outcome}`)
    .join(', ');
}
