import { type Availability, type Backend, type Started, firstLine, setAndVerify } from './backend';

const KINDS: Record<string, Started['kind']> = { cpu: 'cpu', cuda: 'gpu', rocm: 'gpu', tpu: 'tpu' };

/** This project's XLA engine (src/xla): a GPU or TPU plugin if there is one, else a CPU plugin. */
export const xlaBackend: Backend = {
  name: 'xla',
  summary: 'XLA through PJRT',
  async check(): Promise<Availability> {
    try {
      const { discoverPlugins } = await import('../xla');
      const { found, passedOver } = discoverPlugins();
      if (found.length > 0) return { available: true, detail: `plugin ${found[0].name} (${found[0].kind})` };
      const reasons = passedOver
        .map(({ path, reason }: { path: string; reason: string }) => `${path}: ${reason}`)
        .join('; ');
      return {
        available: false,
        reason: `no XLA plugin found: run npm run setup${reasons && ` (${reasons})`}`,
      };
    } catch (error) {
      return { available: false, reason: `src/xla does not load: ${firstLine(error)}` };
    }
  },
  async start() {
    const { useXla } = await import('../xla');
    const { plugin, devices, passedOver } = await useXla();
    await setAndVerify('xla');
    const device = devices[0]?.kind ?? plugin.kind;
    return {
      kind: KINDS[plugin.kind] ?? 'other',
      device: `XLA on ${device} (plugin ${plugin.name})`,
      passedOver: passedOver.map(({ path, reason }) => `the plugin ${path}: ${reason}`),
    };
  },
};
