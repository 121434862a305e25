import { type Availability, type Backend, type Started, setAndVerify } from './backend';

/** The part of src/xla that this file uses. */
interface XlaModule {
  useXla(): Promise<unknown>;
}
interface PjrtModule {
  discoverPlugins(): {
    found: { name: string; kind: string; source: string }[];
    passedOver: { path: string; reason: string }[];
  };
}

const MODULES: { xla: string; pjrt: string } = { xla: '../xla/index', pjrt: '../xla/pjrt/index' };

function startedKind(kind: string): Started['kind'] {
  if (kind === 'cpu' || kind === 'tpu') return kind;
  return kind === 'cuda' || kind === 'rocm' ? 'gpu' : 'other';
}

/** This project's XLA engine (src/xla): a GPU or TPU plugin if there is one, else a CPU plugin. */
export const xlaBackend: Backend = {
  name: 'xla',
  summary: 'XLA through PJRT',
  async check(): Promise<Availability> {
    try {
      const { discoverPlugins } = (await import(MODULES.pjrt)) as PjrtModule;
      const { found, passedOver } = discoverPlugins();
      if (found.length > 0) return { available: true, detail: `plugin ${found[0].name} (${found[0].kind})` };
      const reasons = passedOver.map(({ path, reason }) => `${path}: ${reason}`).join('; ');
      return {
        available: false,
        reason: `no XLA plugin found: run npm run setup${reasons ? ` (${reasons})` : ''}`,
      };
    } catch (error) {
      return {
        available: false,
        reason: `src/xla does not load: ${error instanceof Error ? error.message : String(error)}`,
      };
    }
  },
  async start() {
    const { useXla } = (await import(MODULES.xla)) as XlaModule;
    const { discoverPlugins } = (await import(MODULES.pjrt)) as PjrtModule;
    await useXla();
    await setAndVerify('xla');
    const plugin = discoverPlugins().found[0];
    return { kind: startedKind(plugin.kind), device: `XLA ${plugin.kind} plugin ${plugin.name}` };
  },
};
